//! The API of `libauth demo --serve`: one route, protected.

use anstream::println;
use tiny_http::{Header, Request, Response, Server};

use crate::abi::Auth;
use crate::demo::{AUDIENCE, SCOPE};

/// Serves until the program ends.
pub fn serve(auth: &Auth, issuer: &str) -> Result<(), String> {
    let server = Server::http("127.0.0.1:0").map_err(|error| format!("no API: {error}"))?;
    let address = server.server_addr();
    println!(
        "\nDevelopment only. A token, a request with it, and one without:\n\
         TOKEN=$(curl -s -d grant_type=client_credentials -d audience={AUDIENCE} -d scope={SCOPE} \\\n  \
         {issuer}/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
         curl -i -H \"Authorization: Bearer $TOKEN\" http://{address}/orders\n\
         curl -i http://{address}/orders\n\nCtrl-C ends it."
    );
    for request in server.incoming_requests() {
        answer(auth, request);
    }
    Ok(())
}

fn answer(auth: &Auth, request: Request) {
    let sent: Vec<&Header> =
        request.headers().iter().filter(|header| header.field.equiv("Authorization")).collect();
    let verdict = match sent.as_slice() {
        [] => auth.authorize(None, SCOPE),
        [one] => auth.authorize(Some(one.value.as_str()), SCOPE),
        _ => auth.describe(HEADER_MALFORMED, "more than one Authorization header"),
    };
    let (body, kind) = match verdict.number {
        0 => (verdict.claims, "application/json"),
        _ => (verdict.problem, "application/problem+json"),
    };
    let status = u16::try_from(verdict.http_status).unwrap_or(500);
    let mut response = Response::from_string(body).with_status_code(status);
    let retry = match verdict.retry_after_s {
        0 => String::new(),
        seconds => seconds.to_string(),
    };
    let fields = [
        ("Content-Type", kind),
        ("WWW-Authenticate", verdict.challenge.as_str()),
        ("Retry-After", retry.as_str()),
    ];
    for (name, value) in fields.into_iter().filter(|(_, value)| !value.is_empty()) {
        if let Ok(header) = Header::from_bytes(name, value) {
            response.add_header(header);
        }
    }
    // A client that went away needs no answer.
    let _ = request.respond(response);
}

const HEADER_MALFORMED: i32 = auth::status::Status::HEADER_MALFORMED as i32;
