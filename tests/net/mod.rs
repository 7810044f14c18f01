//! Servers that a fetch meets: one that speaks HTTP or TLS and writes down what it was asked, a
//! proxy that answers CONNECT, and an authority that signs certificates.
#![allow(dead_code)] // Each test program uses a part.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auth::config::Config;
use auth::requirement::Requirement;
use auth::status::Status;
use auth::verdict::Refusal;
use auth::verify::{Moment, verify};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};
use rustls::pki_types::PrivateKeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::issuer::Issuer;

pub const ALG: &str = "ES256";

/// Nobody waits for ever, not even in a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);

// ---------------------------------------------------------------- servers

/// The head of a request in, the whole reply out.
pub type Serve = dyn Fn(&str) -> Vec<u8> + Send + Sync;

/// Listens on 127.0.0.1 for as long as the process lives.
#[derive(Clone)]
pub struct Server {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Server {
    pub fn plain(serve: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Server {
        Server::on(free(), serve)
    }

    pub fn on(
        listener: TcpListener,
        serve: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        Server::start(listener, None, Arc::new(serve))
    }

    pub fn tls(
        config: Arc<ServerConfig>,
        serve: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Server {
        Server::start(free(), Some(config), Arc::new(serve))
    }

    fn start(listener: TcpListener, tls: Option<Arc<ServerConfig>>, serve: Arc<Serve>) -> Server {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let written = heads.clone();
        let port = listen_on(listener, move |stream| {
            let (serve, written, tls) = (serve.clone(), written.clone(), tls.clone());
            let answer = |stream: &mut dyn ReadWrite| {
                let head = read_head(stream)?;
                written.lock().unwrap().push(head.clone());
                stream.write_all(&serve(&head))?;
                stream.flush()
            };
            match tls {
                None => {
                    let mut stream = stream;
                    answer(&mut stream)
                }
                Some(config) => {
                    let connection = ServerConnection::new(config).unwrap();
                    let mut stream = StreamOwned::new(connection, stream);
                    answer(&mut stream)?;
                    stream.conn.send_close_notify();
                    stream.flush()
                }
            }
        });
        Server { port, heads }
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn paths(&self) -> Vec<String> {
        let path = |head: &String| head.split(' ').nth(1).unwrap_or("").to_owned();
        self.heads().iter().map(path).collect()
    }
}

trait ReadWrite: Read + Write {}
impl<T: Read + Write> ReadWrite for T {}

/// Each connection on a thread of its own; what goes wrong there is the other side's to tell.
pub fn listen(each: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static) -> u16 {
    listen_on(free(), each)
}

fn free() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").unwrap()
}

fn listen_on(
    listener: TcpListener,
    each: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> u16 {
    let port = listener.local_addr().unwrap().port();
    let each = Arc::new(each);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let each = each.clone();
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                drop(each(stream));
            });
        }
    });
    port
}

pub fn read_head(stream: &mut (impl Read + ?Sized)) -> io::Result<String> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte)? {
            0 => return Err(ErrorKind::UnexpectedEof.into()),
            _ => head.push(byte[0]),
        }
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

/// The field of a head.
pub fn field<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (known, value) = line.split_once(':')?;
        known.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}

/// A reply with these lines of the head before its length.
pub fn reply(status: &str, fields: &[&str], body: &[u8]) -> Vec<u8> {
    let mut reply = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    fields.iter().for_each(|line| reply.push_str(&format!("{line}\r\n")));
    reply.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    [reply.as_bytes(), body].concat()
}

pub fn json_reply(value: &Value) -> Vec<u8> {
    reply("200 OK", &["Content-Type: application/json"], value.to_string().as_bytes())
}

pub fn not_found() -> Vec<u8> {
    reply("404 Not Found", &[], b"")
}

/// Serves metadata that name this key set, and the key set.
pub fn provider(
    issuer: String,
    jwks_uri: String,
    jwks: Value,
) -> impl Fn(&str) -> Vec<u8> + Send + Sync + 'static {
    move |head| match head.split(' ').nth(1) {
        Some("/.well-known/openid-configuration") => {
            json_reply(&json!({ "issuer": issuer, "jwks_uri": jwks_uri }))
        }
        Some("/jwks") => json_reply(&jwks),
        _ => not_found(),
    }
}

/// A proxy that leads every CONNECT to this port of ours, or refuses with a status.
pub struct Proxy {
    pub port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    pub fn to(port: u16) -> Proxy {
        Proxy::start(Ok(port))
    }

    pub fn refusing(status: &'static str) -> Proxy {
        Proxy::start(Err(status))
    }

    /// Speaks TLS itself.
    pub fn tls_to(port: u16, config: Arc<ServerConfig>) -> Proxy {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let written = heads.clone();
        let port = listen(move |near| {
            let far = TcpStream::connect(("127.0.0.1", port))?;
            near.set_read_timeout(Some(TURN))?;
            far.set_read_timeout(Some(TURN))?;
            let mut near = StreamOwned::new(ServerConnection::new(config.clone()).unwrap(), near);
            let head = loop {
                match read_head(&mut near) {
                    Err(error) if is_silence(&error) => {}
                    head => break head?,
                }
            };
            written.lock().unwrap().push(head);
            near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            take_turns(&mut near, far)
        });
        Proxy { port, heads }
    }

    fn start(way: Result<u16, &'static str>) -> Proxy {
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let written = heads.clone();
        let port = listen(move |mut near| {
            let head = read_head(&mut near)?;
            written.lock().unwrap().push(head);
            match way {
                Err(status) => near.write_all(&reply(status, &[], b"")),
                Ok(port) => {
                    let far = TcpStream::connect(("127.0.0.1", port))?;
                    near.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
                    let (mut from, mut to) = (near.try_clone()?, far.try_clone()?);
                    std::thread::spawn(move || drop(io::copy(&mut from, &mut to)));
                    let (mut from, mut to) = (far, near);
                    io::copy(&mut from, &mut to)?;
                    to.shutdown(std::net::Shutdown::Both)
                }
            }
        });
        Proxy { port, heads }
    }

    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// A TLS stream is one object for both directions: each has its turn.
const TURN: Duration = Duration::from_millis(10);

fn is_silence(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

fn take_turns(near: &mut (impl Read + Write), mut far: TcpStream) -> io::Result<()> {
    let mut bytes = [0; 4096];
    loop {
        match near.read(&mut bytes) {
            Ok(count @ 1..) => far.write_all(&bytes[..count])?,
            Err(error) if is_silence(&error) => {}
            end => return end.map(drop),
        }
        match far.read(&mut bytes) {
            Ok(count @ 1..) => near.write_all(&bytes[..count])?,
            Err(error) if is_silence(&error) => {}
            end => return end.map(drop),
        }
    }
}

// ---------------------------------------------------------------- certificates

/// Signs the certificates of servers.
pub struct Authority {
    pub pem: String,
    issuer: rcgen::Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(name: &str) -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: rcgen::Issuer::new(params, key) }
    }

    /// The side of a server that is called so.
    pub fn server(&self, names: &[&str]) -> Arc<ServerConfig> {
        self.server_with(names, |_| ())
    }

    pub fn server_with(
        &self,
        names: &[&str],
        change: impl FnOnce(&mut CertificateParams),
    ) -> Arc<ServerConfig> {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ServerConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let config = builder.with_no_client_auth().with_single_cert(vec![certificate], key);
        Arc::new(config.unwrap())
    }

    /// For `keys.ca_file`.
    pub fn file(&self) -> String {
        file(&self.pem)
    }
}

/// A new file with this text.
pub fn file(text: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("net-{}-{count}.pem", std::process::id());
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

// ---------------------------------------------------------------- the handle

/// Keys and the tokens they sign; its own endpoints are not asked.
pub fn signer() -> Issuer {
    Issuer::start_with(0, &[ALG]).unwrap()
}

pub fn handle(issuer: &str, options: &[(&str, &str)]) -> Config {
    let config = Config::default();
    // The environment of who runs the tests is no part of them.
    let own = [("issuer", issuer), ("audience", "api"), ("keys.proxy", "off")];
    for (key, value) in own.iter().chain(options) {
        config.set(key.as_bytes(), Some(value.as_bytes())).unwrap();
    }
    config
}

pub fn token(signer: &Issuer, issuer: &str) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    signer.mint(ALG, &json!({ "iss": issuer, "aud": "api", "exp": now + 600 }), None)
}

pub fn judge(config: &Config, token: &str) -> Result<(), Refusal> {
    let (runtime, none) = (config.runtime()?, Requirement::default());
    verify(runtime, token.as_bytes(), &none, Moment::Now, |_| ())
}

#[track_caller]
pub fn accepted(config: &Config, token: &str) {
    if let Err(refusal) = judge(config, token) {
        panic!("{:?}: {}", refusal.status, refusal.log);
    }
}

/// The status, and a sentence that has all of these.
#[track_caller]
pub fn refused(config: &Config, token: &str, status: Status, has: &[&str]) -> String {
    let refusal = judge(config, token).expect_err("must be refused");
    assert_eq!(refusal.status, status, "{}", refusal.log);
    for has in has {
        assert!(refusal.log.contains(has), "{has:?} is not in {:?}", refusal.log);
    }
    refusal.log.into_owned()
}

// ---------------------------------------------------------------- the environment

/// Runs one ignored test of this program in a process of its own: a process has one environment.
#[track_caller]
pub fn child(test: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--ignored", "--nocapture"]).env_clear();
    let output = command.envs(variables.iter().copied()).output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && told.contains("1 passed"), "{told}{errors}");
}
