//! `libauth issuer` signs whatever it is asked to: it must stay on its machine, and be nobody's.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

struct Provider(Child);

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With what it said at its start, and its port.
fn start() -> (Provider, String, u16) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_libauth"));
    let started = command.args(["issuer", "--port", "0"]).stdout(Stdio::piped()).spawn();
    let mut provider = Provider(started.unwrap());
    let lines = BufReader::new(provider.0.stdout.take().unwrap()).lines();
    let mut said = String::new();
    for line in lines.map(Result::unwrap) {
        said.push_str(&line);
        said.push('\n');
        if let Some(url) = line.strip_prefix("issuer") {
            let port = url.trim().strip_prefix("http://127.0.0.1:").expect("loopback");
            return (provider, said, port.parse().unwrap());
        }
    }
    panic!("no issuer is told: {said}");
}

fn keys(port: u16) -> Value {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let request = "GET /jwks HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    serde_json::from_str::<Value>(body).unwrap()["keys"].take()
}

#[test]
fn the_provider_is_on_loopback_alone_with_new_keys() {
    let (one, said, port) = start();
    assert!(said.starts_with("For development and tests only"), "{said}");
    let elsewhere = TcpStream::connect((Ipv4Addr::new(127, 0, 0, 2), port)).unwrap_err();
    assert_eq!(elsewhere.kind(), ErrorKind::ConnectionRefused, "127.0.0.1 and no other address");
    let (other, _, other_port) = start();
    let (keys, others) = (keys(port), keys(other_port));
    assert!(!keys.as_array().unwrap().is_empty());
    for key in keys.as_array().unwrap() {
        assert!(!others.as_array().unwrap().contains(key), "a key of both");
        assert!(key.get("d").is_none(), "a private key is published");
    }
    drop((one, other));
}
