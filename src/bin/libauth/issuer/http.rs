//! An HTTP/1.1 server that can misbehave, over nothing but `std`: a server crate keeps the
//! connection to itself, and one that cannot be cut cannot truncate an answer.
//!
//! One request a connection, one thread a connection: a slow answer holds up nobody, and the
//! server keeps every socket, so that a stop cuts whatever is under way, dripping or not.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime};

use serde_json::Value;

const MAX_HEAD_BYTES: usize = 16 * 1024;
const MAX_FIELDS: usize = 64;
const MAX_BODY_BYTES: usize = 64 * 1024;
const MAX_CONNECTIONS: usize = 256;
/// From the first byte of a request to its last.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long, and how much, a client may go on sending what nobody reads.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: u64 = 1024 * 1024;

#[derive(Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.all(name).next()
    }

    /// Every field of this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        let named = move |(given, _): &&(String, String)| given.eq_ignore_ascii_case(name);
        self.headers.iter().filter(named).map(|(_, value)| value.as_str())
    }
}

pub struct Reply {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    pub delivery: Delivery,
}

/// How a reply goes over the wire; all zero is as it should.
#[derive(Default)]
pub struct Delivery {
    pub delay_ms: u64,
    pub head_byte_ms: u64,
    pub body_byte_ms: u64,
    /// So many blanks after the body.
    pub blanks: u64,
    pub unannounced: bool,
    pub half: bool,
    pub nothing: bool,
    pub date_offset_s: i64,
}

impl Reply {
    pub fn text(status: u16, text: &str) -> Reply {
        let body = format!("{}\n", text.trim_end()).into_bytes();
        let reply = Reply { status, headers: Vec::new(), body, delivery: Delivery::default() };
        reply.with("Content-Type", "text/plain; charset=utf-8")
    }

    pub fn json(status: u16, value: &Value) -> Reply {
        Reply::text(status, &value.to_string()).with("Content-Type", "application/json")
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Reply {
        self.set_header(name, value);
        self
    }

    /// A control character would begin another header: it becomes a blank.
    pub fn set_header(&mut self, name: &str, value: impl Into<String>) {
        let name: String = name.chars().filter(|c| c.is_ascii_graphic() && *c != ':').collect();
        let value = value.into().replace(char::is_control, " ");
        self.headers.retain(|(given, _)| !given.eq_ignore_ascii_case(&name));
        self.headers.push((name, value));
    }

    fn head(&self) -> String {
        let offset_s = self.delivery.date_offset_s;
        let date = httpdate::fmt_http_date(shifted(SystemTime::now(), offset_s));
        let mut lines = format!("HTTP/1.1 {} {}", self.status, reason(self.status));
        let length = u64::try_from(self.body.len()).unwrap_or(u64::MAX);
        let length = length.saturating_add(self.delivery.blanks).to_string();
        let own = [("Date", date), ("Connection", "close".to_owned()), ("Content-Length", length)];
        for (name, value) in own {
            let unannounced = name == "Content-Length" && self.delivery.unannounced;
            let replaced = self.headers.iter().any(|(given, _)| given.eq_ignore_ascii_case(name));
            if !unannounced && !replaced {
                lines.push_str(&format!("\r\n{name}: {value}"));
            }
        }
        for (name, value) in &self.headers {
            lines.push_str(&format!("\r\n{name}: {value}"));
        }
        lines.push_str("\r\n\r\n");
        lines
    }
}

/// httpdate writes no year beyond 9999.
fn shifted(time: SystemTime, offset_s: i64) -> SystemTime {
    const CENTURY_S: u64 = 100 * 365 * 86_400;
    let by = Duration::from_secs(offset_s.unsigned_abs().min(CENTURY_S));
    let moved = if offset_s < 0 { time.checked_sub(by) } else { time.checked_add(by) };
    moved.filter(|moved| *moved > SystemTime::UNIX_EPOCH).unwrap_or(SystemTime::UNIX_EPOCH)
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        411 => "Length Required",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// Listens until `stop` or the end of its life.
pub struct Server {
    address: SocketAddr,
    handler: Arc<Handler>,
    running: Mutex<Option<Running>>,
}

struct Running {
    stop: Arc<Stop>,
    acceptor: JoinHandle<Vec<Connection>>,
}

struct Connection {
    stream: TcpStream,
    thread: JoinHandle<()>,
}

impl Server {
    pub fn start(
        listener: TcpListener,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> io::Result<Server> {
        let address = listener.local_addr()?;
        let handler: Arc<Handler> = Arc::new(handler);
        let running = Mutex::new(Some(Running::start(listener, handler.clone())?));
        Ok(Server { address, handler, running })
    }

    pub fn stop(&self) {
        if let Some(running) = self.running().take() {
            running.stop(self.address);
        }
    }

    pub fn start_again(&self) -> io::Result<()> {
        let mut running = self.running();
        if running.is_none() {
            let listener = TcpListener::bind(self.address)?;
            *running = Some(Running::start(listener, self.handler.clone())?);
        }
        Ok(())
    }

    fn running(&self) -> MutexGuard<'_, Option<Running>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Running {
    fn start(listener: TcpListener, handler: Arc<Handler>) -> io::Result<Running> {
        let stop = Arc::new(Stop::default());
        let seen = stop.clone();
        let accepting = move || accept(&listener, &handler, &seen);
        let acceptor = thread::Builder::new().name("issuer".to_owned()).spawn(accepting)?;
        Ok(Running { stop, acceptor })
    }

    /// Joins every thread: after it nothing answers any more.
    fn stop(self, address: SocketAddr) {
        self.stop.set();
        while !self.acceptor.is_finished() {
            // `accept` has no timeout: a connection of our own wakes it.
            drop(TcpStream::connect_timeout(&address, Duration::from_millis(50)));
            thread::sleep(Duration::from_millis(1));
        }
        let connections = self.acceptor.join().unwrap_or_default();
        for connection in &connections {
            // Fails only where the client was first.
            let _ = connection.stream.shutdown(Shutdown::Both);
        }
        for connection in connections {
            let _ = connection.thread.join();
        }
    }
}

/// Gives back the connections that are still open when it is told to stop.
fn accept(listener: &TcpListener, handler: &Arc<Handler>, stop: &Arc<Stop>) -> Vec<Connection> {
    let mut connections: Vec<Connection> = Vec::new();
    loop {
        let accepted = listener.accept();
        if stop.is_set() {
            return connections;
        }
        connections.retain(|connection| !connection.thread.is_finished());
        match accepted {
            Ok((stream, _)) if connections.len() < MAX_CONNECTIONS => {
                connections.extend(serve(stream, handler.clone(), stop.clone()).ok());
            }
            // Over the limit: closed unanswered.
            Ok(_) => {}
            // Out of descriptors, most likely: they come back as connections end.
            Err(_) => drop(stop.pause(Duration::from_millis(10))),
        }
    }
}

fn serve(stream: TcpStream, handler: Arc<Handler>, stop: Arc<Stop>) -> io::Result<Connection> {
    let mut own = stream.try_clone()?;
    let answering = move || {
        // An error is the client's going away, or the stop.
        let _ = exchange(&mut own, &*handler, &stop);
        let _ = own.shutdown(Shutdown::Both);
    };
    let thread = thread::Builder::new().name("issuer".to_owned()).spawn(answering)?;
    Ok(Connection { stream, thread })
}

fn exchange(stream: &mut TcpStream, handler: &Handler, stop: &Stop) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reply, head_only) = match read_request(stream) {
        Ok(request) => (handler(&request), request.method == "HEAD"),
        Err(Refusal::Gone(error)) => return Err(error),
        Err(Refusal::Status(code)) => (Reply::text(code, reason(code)), false),
    };
    send(stream, &reply, head_only, stop)?;
    // Closed with bytes unread, the connection would be reset and the reply lost with it.
    stream.shutdown(Shutdown::Write)?;
    stream.set_read_timeout(Some(LINGER))?;
    io::copy(&mut stream.take(LINGER_BYTES), &mut io::sink())?;
    Ok(())
}

fn send(stream: &mut TcpStream, reply: &Reply, head_only: bool, stop: &Stop) -> io::Result<()> {
    let delivery = &reply.delivery;
    stop.pause(Duration::from_millis(delivery.delay_ms))?;
    if delivery.nothing {
        return Ok(());
    }
    drip(stream, reply.head().as_bytes(), delivery.head_byte_ms, stop)?;
    if head_only || matches!(reply.status, 204 | 304) {
        return Ok(());
    }
    let half = reply.body.len() / 2;
    let sent = if delivery.half { reply.body.get(..half).unwrap_or_default() } else { &reply.body };
    drip(stream, sent, delivery.body_byte_ms, stop)?;
    io::copy(&mut io::repeat(b' ').take(delivery.blanks), stream)?;
    Ok(())
}

fn drip(stream: &mut TcpStream, bytes: &[u8], each_ms: u64, stop: &Stop) -> io::Result<()> {
    if each_ms == 0 {
        return stream.write_all(bytes);
    }
    for byte in bytes.chunks(1) {
        stream.write_all(byte)?;
        stop.pause(Duration::from_millis(each_ms))?;
    }
    Ok(())
}

enum Refusal {
    Gone(io::Error),
    Status(u16),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Refusal {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Refusal::Status(408),
            _ => Refusal::Gone(error),
        }
    }
}

fn read_request(stream: &mut TcpStream) -> Result<Request, Refusal> {
    let began = Instant::now();
    let mut bytes = Vec::new();
    let head_end = loop {
        let mut windows = bytes.windows(4).take(MAX_HEAD_BYTES);
        if let Some(at) = windows.position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > MAX_HEAD_BYTES {
            return Err(Refusal::Status(431));
        }
        read_some(stream, &mut bytes, began)?;
    };
    let mut body = bytes.split_off(bytes.len().min(head_end.saturating_add(4)));
    let mut request = parse_head(&bytes).ok_or(Refusal::Status(400))?;
    let length = body_length(&request)?;
    if request.header("expect").is_some() && body.len() < length {
        stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
    }
    while body.len() < length {
        read_some(stream, &mut body, began)?;
    }
    body.truncate(length);
    request.body = body;
    Ok(request)
}

fn read_some(stream: &mut TcpStream, into: &mut Vec<u8>, began: Instant) -> Result<(), Refusal> {
    let left = REQUEST_TIMEOUT.saturating_sub(began.elapsed());
    if left.is_zero() {
        return Err(Refusal::Status(408));
    }
    stream.set_read_timeout(Some(left))?;
    let mut chunk = [0; 4096];
    let count = stream.read(&mut chunk)?;
    if count == 0 {
        return Err(Refusal::Gone(io::ErrorKind::UnexpectedEof.into()));
    }
    into.extend_from_slice(chunk.get(..count).unwrap_or_default());
    Ok(())
}

fn parse_head(head: &[u8]) -> Option<Request> {
    let mut fields = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut parsed = httparse::Request::new(&mut fields);
    let complete = parsed.parse(head).is_ok_and(|status| status.is_complete());
    let target = parsed.path.filter(|target| complete && target.starts_with('/'))?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let field = |field: &httparse::Header| {
        (field.name.to_owned(), String::from_utf8_lossy(field.value).into_owned())
    };
    let request = Request {
        method: parsed.method?.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers: parsed.headers.iter().map(field).collect(),
        body: Vec::new(),
    };
    (request.all("content-length").count() <= 1).then_some(request)
}

fn body_length(request: &Request) -> Result<usize, Refusal> {
    if request.header("transfer-encoding").is_some() {
        return Err(Refusal::Status(411));
    }
    let Some(length) = request.header("content-length") else {
        return Ok(0);
    };
    if length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Refusal::Status(400));
    }
    let fits = length.parse().ok().filter(|length| *length <= MAX_BODY_BYTES);
    fits.ok_or(Refusal::Status(413))
}

/// A stop that ends every pause at once.
#[derive(Default)]
struct Stop {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self) {
        *self.lock() = true;
        self.changed.notify_all();
    }

    fn is_set(&self) -> bool {
        *self.lock()
    }

    /// An error when the stop came first.
    fn pause(&self, time: Duration) -> io::Result<()> {
        let waited = self.changed.wait_timeout_while(self.lock(), time, |set| !*set);
        let (stopped, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if *stopped { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    }
}
