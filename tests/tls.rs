//! Stage keys over TLS with real certificates: each thing that can be wrong has its sentence, with
//! the option that helps, and nothing is ever fallen back to.

#[allow(dead_code, unused_imports)]
#[path = "../src/bin/libauth/issuer/mod.rs"]
mod issuer;
mod net;

use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Instant;

use auth::status::Status;
use issuer::Issuer;
use net::*;
use rustls::ServerConfig;

/// A provider behind TLS, called `localhost`: its issuer, and the server.
fn provider_by_tls(signer: &Issuer, tls: Arc<ServerConfig>) -> (String, Server) {
    let slot: Arc<std::sync::OnceLock<String>> = Arc::default();
    let (known, jwks) = (slot.clone(), signer.jwks());
    let server = Server::tls(tls, move |head| {
        let issuer = known.get().unwrap().clone();
        provider(issuer.clone(), format!("{issuer}/jwks"), jwks.clone())(head)
    });
    let issuer = format!("https://localhost:{}", server.port);
    slot.set(issuer.clone()).unwrap();
    (issuer, server)
}

#[test]
fn an_authority_of_ca_file_is_trusted() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let (issuer, server) = provider_by_tls(&signer, authority.server(&["localhost"]));
    let config = handle(&issuer, &[("keys.ca_file", &authority.file())]);
    accepted(&config, &token(&signer, &issuer));
    assert_eq!(server.paths(), ["/.well-known/openid-configuration", "/jwks"]);
    let none = rustls::crypto::CryptoProvider::get_default().is_none();
    assert!(none, "nothing is set for the whole process");
}

#[test]
fn a_certificate_that_is_wrong_is_told_with_what_helps() {
    let (signer, ours, other) = (signer(), Authority::new("ours"), Authority::new("other"));
    let clock = "this machine's clock is wrong";
    for (what, tls, has) in [
        (
            "unknown authority",
            other.server(&["localhost"]),
            ["authority that is not trusted", "keys.ca_file"],
        ),
        (
            "wrong name",
            ours.server(&["id.example", "10.1.2.3"]),
            [r#"but for "id.example", "10.1.2.3""#, "keys.backchannel"],
        ),
        ("no name", ours.server(&[]), ["not for the name in its URL", "but for no name"]),
        (
            "expired",
            ours.server_with(&["localhost"], |params| {
                params.not_after = rcgen::date_time_ymd(2020, 1, 1);
            }),
            ["has expired", clock],
        ),
        (
            "not yet valid",
            ours.server_with(&["localhost"], |params| {
                params.not_before = rcgen::date_time_ymd(4000, 1, 1);
            }),
            ["not valid yet", clock],
        ),
    ] {
        let (issuer, server) = provider_by_tls(&signer, tls);
        let config = handle(&issuer, &[("keys.ca_file", &ours.file())]);
        let log = refused(&config, &token(&signer, &issuer), Status::DISCOVERY_FAILED, &has);
        assert_eq!(server.heads(), [""; 0], "{what}: nothing was asked: {log}");
        // The key set has the same sentence.
        let jwks_uri = format!("{issuer}/jwks");
        let options = [("keys.ca_file", &*ours.file()), ("keys.jwks_uri", &jwks_uri)];
        let config = handle(&issuer, &options);
        refused(&config, &token(&signer, &issuer), Status::KEYS_UNAVAILABLE, &has);
    }
}

/// Answers the first bytes of a client with these.
fn answering(bytes: &'static [u8]) -> String {
    let port = net::listen(move |mut stream| {
        let mut hello = [0; 5];
        stream.read_exact(&mut hello)?;
        let mut rest = vec![0; usize::from(u16::from_be_bytes([hello[3], hello[4]]))];
        stream.read_exact(&mut rest)?;
        stream.write_all(bytes)?;
        stream.read(&mut [0; 64]).map(drop)
    });
    format!("https://localhost:{port}")
}

#[test]
fn plain_http_on_a_tls_port_is_told() {
    let issuer = answering(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
    let config = handle(&issuer, &[("keys.ca_file", &Authority::new("ours").file())]);
    let has = ["does not speak TLS on this port", "`keys.http`"];
    refused(&config, &token(&signer(), &issuer), Status::DISCOVERY_FAILED, &has);
}

#[test]
fn tls_1_1_is_refused() {
    // ServerHello of TLS 1.1: version, random, no session, TLS_RSA_WITH_AES_128_CBC_SHA.
    const HELLO: &[u8] = b"\x16\x03\x02\x00\x2a\x02\x00\x00\x26\x03\x02\
        0123456789abcdef0123456789abcdef\x00\x00\x2f\x00";
    // Alert protocol_version, of a server that knows TLS 1.1 at most.
    const ALERT: &[u8] = b"\x15\x03\x02\x00\x02\x02\x46";
    for answer in [HELLO, ALERT] {
        let issuer = answering(answer);
        let config = handle(&issuer, &[("keys.ca_file", &Authority::new("ours").file())]);
        let has = ["neither TLS 1.2 nor TLS 1.3"];
        refused(&config, &token(&signer(), &issuer), Status::DISCOVERY_FAILED, &has);
    }
}

#[test]
fn a_handshake_that_never_ends_is_given_up_after_keys_timeout() {
    for silent in [true, false] {
        let port = net::listen(move |mut stream| {
            // A record that announces 16 KB and comes byte by byte.
            stream.write_all(if silent { b"" } else { b"\x16\x03\x03\x40\x00" })?;
            loop {
                std::thread::sleep(std::time::Duration::from_millis(100));
                stream.write_all(if silent { b"" } else { b"\0" })?;
            }
        });
        let issuer = format!("https://localhost:{port}");
        let options = [("keys.timeout", "1s"), ("keys.ca_file", &Authority::new("ours").file())];
        let config = handle(&issuer, &options);
        let start = Instant::now();
        let has = ["did not answer in time (`keys.timeout`)"];
        refused(&config, &token(&signer(), &issuer), Status::DISCOVERY_FAILED, &has);
        // Not a measurement: without the limit it lasts for ever.
        assert!(start.elapsed().as_secs() < 20);
    }
}

#[test]
fn a_document_that_came_by_https_cannot_lead_to_plain_http() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let plain = Server::plain(|_| not_found());
    for (host, http) in
        [("127.0.0.1", "loopback"), ("127.0.0.1", "always"), ("a.example", "always")]
    {
        let jwks_uri = format!("http://{host}:{}/jwks", plain.port);
        let slot: Arc<std::sync::OnceLock<String>> = Arc::default();
        let (known, jwks) = (slot.clone(), signer.jwks());
        let server = Server::tls(authority.server(&["localhost"]), move |head| {
            provider(known.get().unwrap().clone(), jwks_uri.clone(), jwks.clone())(head)
        });
        let issuer = format!("https://localhost:{}", server.port);
        slot.set(issuer.clone()).unwrap();
        let config = handle(&issuer, &[("keys.ca_file", &authority.file()), ("keys.http", http)]);
        let has = ["plain http while the metadata came by https"];
        refused(&config, &token(&signer, &issuer), Status::DISCOVERY_FAILED, &has);
    }
    assert_eq!(plain.heads(), [""; 0]);
}

#[test]
fn a_key_set_on_another_host_is_taken_over_https() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let jwks = signer.jwks();
    let keys = Server::tls(authority.server(&["127.0.0.1"]), move |_| json_reply(&jwks));
    let jwks_uri = format!("https://127.0.0.1:{}/keys?v=1", keys.port);
    let slot: Arc<std::sync::OnceLock<String>> = Arc::default();
    let known = slot.clone();
    let server = Server::tls(authority.server(&["localhost"]), move |head| {
        provider(known.get().unwrap().clone(), jwks_uri.clone(), serde_json::json!({}))(head)
    });
    let issuer = format!("https://localhost:{}", server.port);
    slot.set(issuer.clone()).unwrap();
    accepted(&handle(&issuer, &[("keys.ca_file", &authority.file())]), &token(&signer, &issuer));
    assert_eq!(keys.paths(), ["/keys?v=1"]);
}

#[test]
fn a_ca_file_that_is_no_use_is_a_mistake_of_the_configuration() {
    let authority = Authority::new("ours");
    let key = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let cut = authority.pem.replace("-----END CERTIFICATE-----", "");
    let no_der = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let folder = env!("CARGO_TARGET_TMPDIR").to_owned();
    for (path, why) in [
        (format!("{folder}/is-not-there.pem"), "cannot be read: No such file"),
        (folder, "is not a file"),
        ("/dev/zero".into(), "is not a file"),
        (file(""), "has no certificate"),
        (file("x"), "has no certificate"),
        (file(&key), "has a private key in it"),
        (file(&format!("{}{key}", authority.pem)), "has a private key in it"),
        (file(&cut), "certificate that cannot be read, number 1"),
        (file(no_der), "certificate that cannot be read, number 1"),
        (file(&format!("{}{no_der}", authority.pem)), "cannot be read, number 2"),
        (file(&authority.pem.repeat(3_000)), "is larger than 1 MiB"),
    ] {
        let config = handle("https://id.example", &[("keys.ca_file", &path)]);
        for refusal in [config.check().unwrap_err(), config.runtime().err().unwrap()] {
            assert_eq!(refusal.status, Status::OPTION_INVALID, "{path}");
            assert!(refusal.log.starts_with("keys.ca_file "), "{}", refusal.log);
            assert!(refusal.log.contains(why), "{why:?} is not in {:?}", refusal.log);
        }
    }
    let good = format!("# two of them\n{}\n{}", authority.pem, Authority::new("second").pem);
    let config = handle("https://id.example", &[("keys.ca_file", &file(&good))]);
    assert_eq!(config.check().unwrap(), [""; 0]);
    assert!(config.runtime().is_ok());
}

#[test]
fn a_ca_file_of_several_domains_is_told_once() {
    let config = auth::config::Config::default();
    let entries = r#"[{"issuer":"https://a.example"},{"issuer":"https://b.example"}]"#;
    for (key, value) in [("issuers", entries), ("audience", "api"), ("keys.ca_file", "/none")] {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    let log = config.check().unwrap_err().log;
    assert_eq!(log.matches("keys.ca_file").count(), 1, "{log}");
}

/// Of the machine that the child runs on: SSL_CERT_FILE stands in place of the system's.
#[test]
fn without_any_authority_what_to_install_is_told() {
    child("no_authorities", &[("SSL_CERT_FILE", &file(""))]);
    child("no_authorities", &[("SSL_CERT_FILE", "/is/not/there")]);
    child("no_authorities", &[("SSL_CERT_DIR", "/is/not/there")]);
}

#[test]
#[ignore = "run by the test before it"]
fn no_authorities() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let (issuer, server) = provider_by_tls(&signer, authority.server(&["localhost"]));
    let has = ["ca-certificates", "`keys.ca_file`"];
    let token = token(&signer, &issuer);
    refused(&handle(&issuer, &[]), &token, Status::DISCOVERY_FAILED, &has);
    assert_eq!(server.heads(), [""; 0]);
    accepted(&handle(&issuer, &[("keys.ca_file", &authority.file())]), &token);
}

#[test]
fn a_ca_file_stands_beside_the_authorities_of_the_system() {
    child("system_and_own", &[("SSL_CERT_FILE", &file(""))]);
}

#[test]
#[ignore = "run by the test before it"]
fn system_and_own() {
    let (signer, system, own) = (signer(), Authority::new("system"), Authority::new("own"));
    std::fs::write(std::env::var("SSL_CERT_FILE").unwrap(), &system.pem).unwrap();
    let ca_file = own.file();
    for (authority, alone) in [(&system, true), (&own, false)] {
        let (issuer, _) = provider_by_tls(&signer, authority.server(&["localhost"]));
        let token = token(&signer, &issuer);
        accepted(&handle(&issuer, &[("keys.ca_file", &ca_file)]), &token);
        assert_eq!(judge(&handle(&issuer, &[]), &token).is_ok(), alone);
    }
}
