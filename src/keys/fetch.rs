//! One GET with a limit on everything: place, scheme, address, time, size. The only file that
//! touches the network.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};

use crate::os;
use crate::verdict::quote;

const URL_MAX_BYTES: usize = 2048;
const HEADER_MAX_BYTES: usize = 16 * 1024;

/// Where plain http is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlainHttp {
    Loopback,
    Always,
    Never,
}

/// A URL that may be asked: parsed by the parser that connects.
#[derive(Clone, Debug, PartialEq)]
pub struct Url(Uri);

impl Url {
    /// An error is the end of a sentence that begins with the name of the URL.
    pub fn parse(text: &str, http: PlainHttp) -> Result<Url, &'static str> {
        if text.len() > URL_MAX_BYTES {
            return Err("is longer than 2048 bytes");
        }
        // The parser would drop a fragment, and other readers take a backslash for a slash.
        if text
            .bytes()
            .any(|b| !b.is_ascii_graphic() || matches!(b, b'\\' | b'#' | b'"' | b'{' | b'}'))
        {
            return Err("has a character that a URL may not have, or a fragment");
        }
        let uri: Uri = text.parse().map_err(|_| "is not a URL")?;
        let authority = uri.authority().ok_or("is not an absolute URL")?;
        if authority.as_str().contains('@') {
            return Err("has a user name in it");
        }
        if uri.host().is_none_or(str::is_empty) || uri.port_u16() == Some(0) {
            return Err("has no host, or port 0");
        }
        // `http://host:` and `http://host:99999` leave a colon that is no port.
        let host = uri.host().unwrap_or("");
        if uri.port().is_none() && authority.as_str().strip_prefix(host) != Some("") {
            return Err("has a port that is not a number up to 65535");
        }
        match uri.scheme_str() {
            Some("https") => Ok(Url(uri)),
            Some("http") if http == PlainHttp::Always => Ok(Url(uri)),
            Some("http") if http == PlainHttp::Loopback && is_loopback(&uri) => Ok(Url(uri)),
            Some("http") => Err("is plain http, which `keys.http` does not allow there"),
            _ => Err("is neither https nor http"),
        }
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    pub fn has_query(&self) -> bool {
        self.0.query().is_some()
    }

    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    pub fn origin(&self) -> String {
        let text = self.0.to_string();
        text.split('/').take(3).collect::<Vec<_>>().join("/")
    }

    pub fn as_text(&self) -> String {
        self.0.to_string()
    }
}

fn is_loopback(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or("");
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// What a server said.
pub struct Document {
    pub body: Vec<u8>,
    pub max_age_ms: Option<u64>,
    pub etag: Option<String>,
    pub clock_offset_s: Option<i64>,
}
pub enum Answer {
    Document(Document),
    NotModified { max_age_ms: Option<u64>, clock_offset_s: Option<i64> },
}
pub struct Reach {
    pub http: PlainHttp,
    pub max_bytes: u64,
}
impl Reach {
    pub fn target(&self, url: &Url) -> Url {
        url.clone()
    }
}
#[derive(Default)]
pub struct Stop(std::sync::atomic::AtomicBool, arc_swap::ArcSwapOption<Agent>);
impl Stop {
    pub fn now(&self) {
        self.0.store(true, std::sync::atomic::Ordering::SeqCst);
        if let Some(a) = self.1.load_full() {
            (*a).clone().shutdown()
        }
    }
}
pub struct Client {
    agent: Agent,
    max_bytes: u64,
}
impl Client {
    pub fn new(reach: &Reach, stop: &Stop) -> Client {
        let agent = agent(reach.http);
        stop.1.store(Some(Arc::new(agent.clone())));
        if stop.0.load(std::sync::atomic::Ordering::SeqCst) {
            agent.clone().shutdown()
        }
        Client { agent, max_bytes: reach.max_bytes }
    }
    pub fn get(&self, url: &Url, _: Option<&str>, time: Duration) -> Result<Answer, Failed> {
        get(&self.agent, url, time, self.max_bytes).map(Answer::Document)
    }
}

/// Why there is no document.
pub enum Failed {
    /// No HTTP answer came: name, connection, TLS, time.
    Transport(String),
    /// An answer came that is no use.
    Answer { why: String, retry_after_ms: Option<u64> },
}

/// An agent of one handle: nothing shared, nothing kept open (a fork would share the socket), no
/// process-wide setting.
pub fn agent(http: PlainHttp) -> Agent {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(roots())
        .unversioned_rustls_crypto_provider(provider)
        .build();
    let config = Config::builder()
        .tls_config(tls)
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections(0)
        .max_response_header_size(HEADER_MAX_BYTES)
        .user_agent(concat!("libauth/", env!("CARGO_PKG_VERSION")))
        .accept("application/json, application/jwk-set+json")
        .build();
    Agent::with_parts(config, DefaultConnector::default(), Guarded { http, ..Guarded::default() })
}

/// The system's. The platform verifier reads SSL_CERT_FILE, which in a set-user-id program is a
/// stranger's: there the known files alone count.
fn roots() -> RootCerts {
    const FILES: [&str; 4] = [
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pki/tls/certs/ca-bundle.crt",
        "/etc/ssl/ca-bundle.pem",
        "/etc/ssl/cert.pem",
    ];
    if !os::is_privileged() {
        return RootCerts::PlatformVerifier;
    }
    let file = FILES.iter().map(Path::new).find(|file| file.exists());
    let found = rustls_native_certs::load_certs_from_paths(file, None).certs;
    let own = found.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
    RootCerts::Specific(Arc::new(own.collect()))
}

/// One GET. Blocks at most `time`.
pub fn get(agent: &Agent, url: &Url, time: Duration, max_bytes: u64) -> Result<Document, Failed> {
    let request = agent.get(url.0.clone()).config().timeout_global(Some(time)).build();
    let answer = |why: String| Failed::Answer { why, retry_after_ms: None };
    let mut response = request.call().map_err(|error| Failed::Transport(sentence(&error)))?;
    let text = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    match response.status().as_u16() {
        200 => {}
        status @ 300..=399 => {
            let to = quote(text("location").unwrap_or(""));
            return Err(answer(format!("answered {status} to {to}; redirects are not followed")));
        }
        status => {
            let seconds = text("retry-after").and_then(|value| value.trim().parse::<u64>().ok());
            return Err(Failed::Answer {
                why: format!("answered {status}"),
                retry_after_ms: seconds.map(|s| s.saturating_mul(1_000)),
            });
        }
    }
    let max_age_ms = text("cache-control").and_then(max_age_ms);
    let body = response.body_mut().with_config().limit(max_bytes).read_to_vec();
    match body {
        Ok(body) => Ok(Document { body, max_age_ms, etag: None, clock_offset_s: None }),
        Err(ureq::Error::BodyExceedsLimit(_)) => {
            Err(answer(format!("sent more than {max_bytes} bytes (`keys.max_bytes`)")))
        }
        Err(error) => Err(Failed::Transport(sentence(&error))),
    }
}

/// `max-age` of Cache-Control (RFC 9111 5.2.2.1). no-cache and no-store are ignored: real providers
/// send them with their keys, and to obey them were a fetch a request.
fn max_age_ms(header: &str) -> Option<u64> {
    let mut directives = header.split(',').map(str::trim);
    let seconds = directives
        .find_map(|d| d.to_ascii_lowercase().strip_prefix("max-age=").map(str::to_owned))?;
    seconds.parse::<u64>().ok().map(|s| s.saturating_mul(1_000))
}

fn sentence(error: &ureq::Error) -> String {
    match error {
        ureq::Error::Timeout(_) => "did not answer in time (`keys.timeout`)".into(),
        ureq::Error::HostNotFound => "has a host name that cannot be resolved".into(),
        other => format!("failed: {}", crate::verdict::printable(&other.to_string(), 200)),
    }
}

/// Name resolution that gives only addresses which may be asked: what is checked here is what is
/// connected to, so a name cannot resolve to something else in between.
#[derive(Debug)]
struct Guarded {
    http: PlainHttp,
    resolver: DefaultResolver,
}

impl Default for Guarded {
    fn default() -> Guarded {
        Guarded { http: PlainHttp::Loopback, resolver: DefaultResolver::default() }
    }
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = self.resolver.resolve(uri, config, timeout)?;
        let plain = uri.scheme_str() == Some("http");
        let loopback_only = plain && self.http == PlainHttp::Loopback;
        let allowed = |address: &SocketAddr| {
            !is_forbidden(address.ip()) && (!loopback_only || address.ip().is_loopback())
        };
        let mut addresses = self.empty();
        found.iter().copied().filter(allowed).for_each(|address| addresses.push(address));
        if addresses.is_empty() {
            let why = "the host name resolves to addresses that are not asked: link-local, \
                       multicast, unspecified; for plain http all but loopback";
            return Err(ureq::Error::Io(std::io::Error::other(why)));
        }
        Ok(addresses)
    }
}

/// Link-local (where clouds keep their credentials), multicast and "this network". Private ranges
/// are allowed: clusters live there.
fn is_forbidden(address: IpAddr) -> bool {
    const AWS_METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
    /// Alibaba, Azure and Oracle keep theirs outside the link-local range.
    const METADATA_V4: [Ipv4Addr; 3] = [
        Ipv4Addr::new(100, 100, 100, 200),
        Ipv4Addr::new(168, 63, 129, 16),
        Ipv4Addr::new(192, 0, 0, 192),
    ];
    let v4 = |ip: Ipv4Addr| {
        let nowhere = ip.is_broadcast() || ip.octets()[0] == 0;
        ip.is_link_local() || ip.is_multicast() || nowhere || METADATA_V4.contains(&ip)
    };
    match address {
        IpAddr::V4(ip) => v4(ip),
        // ::1 is IPv4-compatible by its form, and loopback by its meaning.
        IpAddr::V6(ip) if ip.is_loopback() => false,
        IpAddr::V6(ip) => {
            // NAT64 (RFC 6052, RFC 8215) and 6to4 (RFC 3056) lead to IPv4 addresses.
            let nat64 = ip.segments()[..2] == [0x64, 0xff9b];
            let [_, _, e, f, g, h, .., a, b, c, d] = ip.octets();
            let embedded = match ip.segments()[0] {
                0x2002 => Some(Ipv4Addr::new(e, f, g, h)),
                _ => ip.to_ipv4().or(nat64.then_some(Ipv4Addr::new(a, b, c, d))),
            };
            ip.is_unicast_link_local()
                || ip.is_multicast()
                || ip == AWS_METADATA_V6
                || embedded.is_some_and(v4)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_metadata_services_are_forbidden_in_every_spelling() {
        for text in [
            "169.254.169.254",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "fe80::1",
            "ff02::1",
            "fd00:ec2::254",
            "::ffff:169.254.169.254",
            "::169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "64:ff9b:1::a9fe:a9fe",
            "2002:a9fe:a9fe::1",
            "100.100.100.200",
            "168.63.129.16",
            "192.0.0.192",
        ] {
            assert!(is_forbidden(text.parse().unwrap()), "{text}");
        }
        for text in ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1", "8.8.8.8"] {
            assert!(!is_forbidden(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn odd_urls_are_refused() {
        for text in [
            "",
            "id.example",
            "/path",
            "ftp://id.example",
            "file:///etc/passwd",
            "https://",
            "https://a:b@id.example",
            "https://good.example@evil.example",
            "https://id.example#x",
            "https://id.example\\@evil.example",
            "https://id.example/ x",
            "https://id.example:0/",
            "https://id.example:99999/",
            "https://id\u{3002}example/",
            "http://id.example",
            "http://127.0.0.1.evil.example",
            "data:text/plain,x",
            "https://id.example:",
        ] {
            assert!(Url::parse(text, PlainHttp::Loopback).is_err(), "{text}");
        }
        for text in [
            "https://id.example",
            "https://id.example:8443/a/b?c=d",
            "HTTPS://id.example/",
            "http://127.0.0.1:8080/x",
            "http://localhost:1/",
            "http://[::1]:1/",
            "https://[fd00::1]/",
        ] {
            assert!(Url::parse(text, PlainHttp::Loopback).is_ok(), "{text}");
        }
        assert!(Url::parse("http://127.0.0.1/", PlainHttp::Never).is_err());
        assert!(Url::parse("http://id.example/", PlainHttp::Always).is_ok());
    }

    #[test]
    fn max_age_is_read_and_nothing_else() {
        assert_eq!(max_age_ms("public, Max-Age=60"), Some(60_000));
        assert_eq!(max_age_ms("no-cache, no-store, max-age=0"), Some(0));
        for header in ["no-cache", "max-age=-1", "max-age=x", "s-maxage=5"] {
            assert_eq!(max_age_ms(header), None, "{header}");
        }
    }
}
