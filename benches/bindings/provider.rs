//! The provider of the keys: a metadata document and a key set on loopback, for as long as the
//! program runs. A connection serves one request.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::thread;

use serde_json::json;

pub struct Provider {
    pub issuer: String,
    keys: Arc<OnceLock<String>>,
}

impl Provider {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let keys = Arc::new(OnceLock::new());
        let provider = Self { issuer, keys };
        let (issuer, keys) = (provider.issuer.clone(), provider.keys.clone());
        thread::spawn(move || {
            for client in listener.incoming() {
                let keys = keys.get().expect("the keys are published before anybody asks");
                // A client that hangs up harms itself alone.
                let _ = answer(client.unwrap(), &issuer, keys);
            }
        });
        provider
    }

    pub fn publish(&self, keys: String) {
        self.keys.set(keys).unwrap();
    }

    pub fn keys(&self) -> &str {
        self.keys.get().unwrap()
    }
}

fn answer(mut client: TcpStream, issuer: &str, keys: &str) -> std::io::Result<()> {
    let mut lines = BufReader::new(client.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let body = match request.split(' ').nth(1) {
        Some("/jwks") => keys.to_owned(),
        Some("/.well-known/openid-configuration") => json!({
            "issuer": issuer, "jwks_uri": format!("{issuer}/jwks"),
            "authorization_endpoint": format!("{issuer}/authorize"),
            "token_endpoint": format!("{issuer}/token"),
            "response_types_supported": ["code"], "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA"],
        })
        .to_string(),
        _ => String::new(),
    };
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\n");
    let end = format!("Content-Length: {}\r\nConnection: close\r\n\r\n", body.len());
    client.write_all((head + &end + &body).as_bytes())
}
