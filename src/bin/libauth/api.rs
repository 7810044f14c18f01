//! The API of `libauth demo --serve`: one route, protected.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;

use anstream::println;

use crate::abi::{Auth, Verdict};
use crate::demo::{AUDIENCE, SCOPE};
use crate::issuer::http::{Reply, Request, Server};

const HEADER_MALFORMED: i32 = auth::status::Status::HEADER_MALFORMED as i32;

/// Serves on a port of its own until it is dropped.
pub fn serve(auth: Arc<Auth>, issuer: &str) -> io::Result<Server> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    println!(
        "\nDevelopment only. A token, a request with it, and one without:\n\n\
         TOKEN=$(curl -s -d grant_type=client_credentials -d audience={AUDIENCE} \\\n  \
         -d scope={SCOPE} {issuer}/token | sed 's/.*\"access_token\":\"\\([^\"]*\\)\".*/\\1/')\n\
         curl -i -H \"Authorization: Bearer $TOKEN\" http://{address}/orders\n\
         curl -i http://{address}/orders\n\nCtrl-C ends it."
    );
    Server::start(listener, move |request| answer(&auth, request))
}

fn answer(auth: &Auth, request: &Request) -> Reply {
    if request.path != "/orders" {
        return Reply::text(404, "the API has one route: /orders");
    }
    let sent: Vec<&str> = request.all("authorization").collect();
    let Verdict { number, http_status, challenge, claims, problem, retry_after_s, .. } =
        match sent.as_slice() {
            [] => auth.authorize(None, SCOPE),
            [one] => auth.authorize(Some(one), SCOPE),
            _ => auth.describe(HEADER_MALFORMED, "more than one Authorization header"),
        };
    if number == 0 {
        return Reply::text(200, &claims).with("Content-Type", "application/json");
    }
    let status = u16::try_from(http_status).unwrap_or(500);
    let mut reply = Reply::text(status, &problem).with("Content-Type", "application/problem+json");
    if !challenge.is_empty() {
        reply.set_header("WWW-Authenticate", challenge);
    }
    if retry_after_s > 0 {
        reply.set_header("Retry-After", retry_after_s.to_string());
    }
    reply
}
