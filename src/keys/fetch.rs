//! One GET with a limit on everything: place, scheme, address, time, size.

use std::cell::OnceCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use arc_swap::ArcSwapOption;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::HeaderMap;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, RustlsConnector};

use super::connect::{Guarded, Rounds, is_forbidden};
use super::proxy::{Hop, Proxies};
use super::trust::{self, Trust};
pub use super::url::{PlainHttp, Url};
use crate::os;
use crate::verdict::{printable, quote};

const HEADER_MAX_BYTES: usize = 16 * 1024;
const ETAG_MAX_BYTES: usize = 256;
/// A head fits; many issuers are asked at the same time.
const BUFFER_BYTES: usize = 2 * HEADER_MAX_BYTES;

/// How the keys of one issuer are reached; made once at the freeze.
#[derive(Clone, Default)]
pub struct Reach {
    pub http: PlainHttp,
    pub max_bytes: u64,
    pub trust: Trust,
    pub proxies: Proxies,
    /// Public origin, and where to connect instead.
    pub backchannel: Arc<Vec<(Url, Url)>>,
}

impl Reach {
    /// A URL that may be asked; the rule for plain http looks at where the connection goes.
    pub fn parse(&self, text: &str) -> Result<Url, &'static str> {
        let url = Url::parse(text, PlainHttp::Always)?;
        self.target(&url).check(self.http).map(|()| url)
    }

    /// Where a connection for this URL really goes (`keys.backchannel`).
    pub fn target(&self, url: &Url) -> Url {
        let origin = url.origin();
        let mut mapped = self.backchannel.iter().filter(|(public, _)| public.origin() == origin);
        mapped.next().map_or_else(|| url.clone(), |(_, inside)| url.at(inside))
    }
}

/// Stops a flight from outside: what is under way is cut off, and nothing is asked any more.
#[derive(Clone, Default)]
pub struct Stop(Arc<Stopping>);

#[derive(Default)]
struct Stopping {
    stopped: AtomicBool,
    under_way: ArcSwapOption<Agent>,
}

impl Stop {
    pub fn now(&self) {
        self.0.stopped.store(true, Ordering::SeqCst);
        if let Some(agent) = self.0.under_way.swap(None) {
            Agent::clone(&agent).shutdown();
        }
    }

    pub fn is_stopped(&self) -> bool {
        self.0.stopped.load(Ordering::SeqCst)
    }

    /// The agent is shown first and the mark read then, `now` does both the other way round: one of
    /// the two sees the other.
    fn arm(&self, agent: &Agent) -> Result<(), Failed> {
        self.0.under_way.store(Some(Arc::new(agent.clone())));
        if self.is_stopped() {
            self.disarm();
            return Err(Failed::Transport("was not asked: the handle is freed".into()));
        }
        Ok(())
    }

    fn disarm(&self) {
        self.0.under_way.store(None);
    }
}

pub enum Answer {
    Document(Document),
    /// What was held under the tag is what is there now.
    NotModified {
        max_age_ms: Option<u64>,
        clock_offset_s: Option<i64>,
    },
}

/// What a server said.
pub struct Document {
    pub body: Vec<u8>,
    pub max_age_ms: Option<u64>,
    pub etag: Option<String>,
    /// The provider's clock minus ours.
    pub clock_offset_s: Option<i64>,
}

/// Why there is no document.
pub enum Failed {
    /// No HTTP answer came: name, connection, TLS, time.
    Transport(String),
    /// An answer came that is no use.
    Answer { why: String, retry_after_ms: Option<u64> },
}

/// The client of one flight: nothing shared, nothing kept open (a fork would share the socket), no
/// process-wide setting.
pub struct Client {
    reach: Reach,
    stop: Stop,
    roots: OnceCell<Option<Arc<Vec<Certificate<'static>>>>>,
}

impl Client {
    pub fn new(reach: &Reach, stop: &Stop) -> Client {
        Client { reach: reach.clone(), stop: stop.clone(), roots: OnceCell::new() }
    }

    /// One GET. Blocks at most `time`. With `etag` it asks for nothing but news.
    pub fn get(&self, url: &Url, etag: Option<&str>, time: Duration) -> Result<Answer, Failed> {
        let target = self.reach.target(url);
        let hop = self.way(&target).map_err(Failed::Transport)?;
        let mut by = hop.as_ref().map(|hop| format!(", by the proxy of {}", hop.name));
        if target != *url {
            let inside = quote(&target.origin());
            by.get_or_insert_default().push_str(&format!(", at {inside} (`keys.backchannel`)"));
        }
        let by = by.unwrap_or_default();
        let agent = self.agent(&target, hop, time)?;
        self.stop.arm(&agent)?;
        let mut request = agent.get(target.as_uri().clone());
        if target != *url {
            request = request.header("host", url.authority());
        }
        if let Some(etag) = etag {
            request = request.header("if-none-match", etag);
        }
        let failed = |error: ureq::Error| match self.stop.is_stopped() {
            true => Failed::Transport("was cut off: the handle is freed".into()),
            false => Failed::Transport(sentence(&error) + &by),
        };
        let answer = request.call().map_err(failed).and_then(|mut response| {
            let head = Head::read(response.headers());
            match response.status().as_u16() {
                200 => {}
                304 if etag.is_some() => return Ok(head.not_modified()),
                status => return Err(refused(status, response.headers())),
            }
            check_encoding(response.headers())?;
            let limit = self.reach.max_bytes;
            match response.body_mut().with_config().limit(limit).read_to_vec() {
                Ok(body) => Ok(Answer::Document(head.document(body))),
                Err(ureq::Error::BodyExceedsLimit(_)) => {
                    Err(no_use(format!("sent more than {limit} bytes (`keys.max_bytes`)")))
                }
                Err(error) => Err(failed(error)),
            }
        });
        self.stop.disarm();
        answer
    }

    /// What can be said before anything is asked; and the proxy.
    fn way(&self, target: &Url) -> Result<Option<Hop>, String> {
        target.check(self.reach.http)?;
        // A proxy would connect to it: there is no address of ours to look at then.
        if target.address().is_some_and(is_forbidden) {
            return Err("was not asked: it names one of the addresses that are not asked \
                        (link-local, multicast, unspecified)"
                .into());
        }
        self.reach.proxies.for_target(target)
    }

    fn agent(&self, target: &Url, hop: Option<Hop>, time: Duration) -> Result<Agent, Failed> {
        let by_tls = target.is_https()
            || hop.as_ref().is_some_and(|hop| hop.proxy.protocol() == ureq::ProxyProtocol::Https);
        let roots = match by_tls {
            true => self.roots.get_or_init(|| self.reach.trust.roots()).clone(),
            false => Some(Arc::default()),
        };
        let roots = roots.ok_or_else(|| Failed::Transport(trust::NO_ROOTS.into()))?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .root_certs(RootCerts::Specific(roots))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let loopback_only =
            hop.is_none() && !target.is_https() && self.reach.http == PlainHttp::Loopback;
        let config = Config::builder()
            .tls_config(tls)
            .proxy(hop.map(|hop| hop.proxy))
            .timeout_global(Some(time))
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .max_response_header_size(HEADER_MAX_BYTES)
            .input_buffer_size(BUFFER_BYTES)
            .output_buffer_size(BUFFER_BYTES)
            .user_agent(concat!("libauth/", env!("CARGO_PKG_VERSION")))
            .accept("application/json, application/jwk-set+json")
            .accept_encoding("identity")
            .build();
        let connector =
            ConnectProxyConnector::default().chain(Rounds).chain(RustlsConnector::default());
        Ok(Agent::with_parts(config, connector, Guarded { loopback_only }))
    }
}

fn no_use(why: String) -> Failed {
    Failed::Answer { why, retry_after_ms: None }
}

fn refused(status: u16, headers: &HeaderMap) -> Failed {
    match status {
        304 => no_use("answered 304 to a request without a condition".into()),
        300..=399 => {
            let to = quote(text(headers, "location").unwrap_or(""));
            no_use(format!("answered {status} to {to}; redirects are not followed"))
        }
        _ => Failed::Answer {
            why: format!("answered {status}"),
            retry_after_ms: text(headers, "retry-after")
                .and_then(|value| retry_after_ms(value, text(headers, "date"))),
        },
    }
}

/// Nothing was asked for but the plain text, and nothing else is read: what is packed small may be
/// large.
fn check_encoding(headers: &HeaderMap) -> Result<(), Failed> {
    match text(headers, "content-encoding").map(str::trim) {
        None | Some("") => Ok(()),
        Some(coding) if coding.eq_ignore_ascii_case("identity") => Ok(()),
        Some(coding) => {
            let coding = quote(coding);
            Err(no_use(format!("sent its answer packed ({coding}), which was not asked for")))
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// What the head of an answer says beside its status.
struct Head {
    max_age_ms: Option<u64>,
    etag: Option<String>,
    clock_offset_s: Option<i64>,
}

impl Head {
    fn read(headers: &HeaderMap) -> Head {
        let fields = headers.get_all("cache-control").iter();
        let etag = text(headers, "etag").filter(|etag| is_etag(etag));
        // An answer out of a cache is so old (RFC 9111 5.1).
        let age_s = text(headers, "age").and_then(|age| age.trim().parse::<u32>().ok());
        let age_s = age_s.unwrap_or(0);
        let date = text(headers, "date").and_then(unix_s);
        let now = |date: i64| date.saturating_add(i64::from(age_s));
        let left = |ms: u64| ms.saturating_sub(u64::from(age_s).saturating_mul(1_000));
        Head {
            max_age_ms: fields.filter_map(|field| max_age_ms(field.to_str().ok()?)).min().map(left),
            etag: etag.map(str::to_owned),
            clock_offset_s: date.map(|date| now(date).saturating_sub(os::wall_s())),
        }
    }

    fn document(self, body: Vec<u8>) -> Document {
        let Head { max_age_ms, etag, clock_offset_s } = self;
        Document { body, max_age_ms, etag, clock_offset_s }
    }

    fn not_modified(self) -> Answer {
        let Head { max_age_ms, clock_offset_s, .. } = self;
        Answer::NotModified { max_age_ms, clock_offset_s }
    }
}

/// An entity tag (RFC 9110 8.8.3): sent back as `*` it would hold whatever was there.
pub fn is_etag(text: &str) -> bool {
    let quoted = text.strip_prefix("W/").unwrap_or(text);
    let inner = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    text.len() <= ETAG_MAX_BYTES
        && inner.is_some_and(|tag| tag.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"'))
}

/// `max-age` of Cache-Control (RFC 9111 5.2.2.1), the least where there are several. no-cache and
/// no-store are ignored: real providers send them with their keys, and to obey them were a fetch a
/// request.
fn max_age_ms(field: &str) -> Option<u64> {
    let age = |directive: &str| {
        let (name, value) = directive.trim().split_once('=')?;
        let bare = value.strip_prefix('"').and_then(|value| value.strip_suffix('"'));
        let seconds = bare.unwrap_or(value).parse::<u64>().ok()?;
        name.eq_ignore_ascii_case("max-age").then(|| seconds.saturating_mul(1_000))
    };
    field.split(',').filter_map(age).min()
}

/// Seconds, or a time (RFC 9110 10.2.3): by the clock of the server where it tells that.
fn retry_after_ms(value: &str, date: Option<&str>) -> Option<u64> {
    let value = value.trim();
    let seconds = value.parse::<u64>().ok().or_else(|| {
        let now = date.and_then(unix_s).unwrap_or_else(os::wall_s);
        Some(u64::try_from(unix_s(value)?.saturating_sub(now)).unwrap_or(0))
    });
    seconds.map(|seconds| seconds.saturating_mul(1_000))
}

fn unix_s(date: &str) -> Option<i64> {
    let time = httpdate::parse_http_date(date.trim()).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

/// The end of a sentence that begins with the name of the URL; the way there follows.
fn sentence(error: &ureq::Error) -> String {
    let tls = match error {
        ureq::Error::Rustls(error) => Some(error),
        ureq::Error::Io(error) => error.get_ref().and_then(|error| error.downcast_ref()),
        _ => None,
    };
    if let Some(error) = tls {
        return trust::sentence(error);
    }
    match error {
        ureq::Error::Timeout(_) => "did not answer in time (`keys.timeout`)".into(),
        ureq::Error::ConnectProxyFailed(why) => {
            let word = why.rsplit([' ', '/']).next().unwrap_or("");
            let answer = if word.parse::<u16>().is_ok() { word } else { "no word" };
            format!("was not reached: {answer} was the answer to CONNECT (`keys.proxy`)")
        }
        ureq::Error::Io(error) => format!("failed: {}", printable(&error.to_string(), 200)),
        other => format!("failed: {}", printable(&other.to_string(), 200)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn max_age_is_read_and_nothing_else() {
        assert_eq!(max_age_ms("public, Max-Age=60"), Some(60_000));
        assert_eq!(max_age_ms("no-cache, no-store, max-age=0"), Some(0));
        assert_eq!(max_age_ms(r#"max-age="60""#), Some(60_000));
        assert_eq!(max_age_ms("max-age=90, max-age=60"), Some(60_000));
        assert_eq!(max_age_ms("max-age=1000000000000"), Some(1_000_000_000_000_000));
        for header in ["no-cache", "max-age=-1", "max-age=x", "s-maxage=5", "max-age", "max-age="] {
            assert_eq!(max_age_ms(header), None, "{header}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_time_of_the_server() {
        let date = Some("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after_ms(" 7 ", date), Some(7_000));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:50:37 GMT", date), Some(60_000));
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:49:00 GMT", date), Some(0), "is past");
        assert_eq!(retry_after_ms("Sun, 06 Nov 1994 08:49:37 GMT", None), Some(0), "by our clock");
        assert_eq!(retry_after_ms("soon", date), None);
        assert_eq!(retry_after_ms("-1", date), None);
    }

    #[test]
    fn the_fields_of_a_head_are_read_together() {
        let mut headers = HeaderMap::new();
        headers.append("cache-control", "no-store".parse().unwrap());
        headers.append("cache-control", "max-age=900".parse().unwrap());
        headers.append("cache-control", "public, max-age=300".parse().unwrap());
        headers.append("etag", format!("\"{}\"", "x".repeat(254)).parse().unwrap());
        headers.append("date", "Sun, 06 Nov 1994 08:49:37 GMT".parse().unwrap());
        let head = Head::read(&headers);
        assert_eq!(head.max_age_ms, Some(300_000));
        assert_eq!(head.etag.map(|etag| etag.len()), Some(256));
        assert!(head.clock_offset_s.unwrap() < -900_000_000);
        headers.insert("etag", "x".repeat(257).parse().unwrap());
        assert_eq!(Head::read(&headers).etag, None);
    }

    #[test]
    fn a_stop_goes_before_and_after_the_agent() {
        let stop = Stop::default();
        let agent = Agent::new_with_defaults();
        assert!(stop.arm(&agent).is_ok());
        stop.now();
        assert!(stop.is_stopped() && stop.0.under_way.load().is_none());
        assert!(stop.arm(&agent).is_err());
        assert!(stop.0.under_way.load().is_none(), "nothing is kept");
    }
}
