//! A local OpenID provider for development and tests: it signs any token for anybody who asks.
//!
//! Loopback only, new keys at each start. It uses nothing of the library, so that integration
//! tests can take it in with `#[path = "../src/bin/libauth/issuer/mod.rs"] mod issuer;`.

mod fault;
pub mod http;
mod keys;
mod token;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use aws_lc_rs::digest;
use serde_json::{Value, json};

pub use fault::{Endpoint, Fault};
use http::{Reply, Request, Server};
use keys::Keys;
pub use keys::{ALGORITHMS, base64url};
use token::Form;

/// The audience of a token whose request names none.
pub const EXAMPLE_AUDIENCE: &str = "https://api.example";

/// A running provider; dropping it closes the port and every connection.
pub struct Issuer {
    state: Arc<State>,
    server: Server,
}

/// How often each endpoint was asked, refused and faulted requests included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// `oidc` + `oauth`
    pub discovery: u64,
    /// `/.well-known/openid-configuration`
    pub oidc: u64,
    /// `/.well-known/oauth-authorization-server`
    pub oauth: u64,
    pub jwks: u64,
    pub token: u64,
}

impl Issuer {
    /// Port 0 takes any free one.
    pub fn start(port: u16) -> io::Result<Issuer> {
        Issuer::start_with(port, &ALGORITHMS)
    }

    /// With keys for these algorithms only: without the two of RSA a start takes no time.
    pub fn start_with(port: u16, algorithms: &[&str]) -> io::Result<Issuer> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let url = format!("http://{}", listener.local_addr()?);
        let keys = Keys::generate(algorithms).map_err(io::Error::other)?;
        let state = Arc::new(State::new(url, keys));
        let answering = state.clone();
        let server = Server::start(listener, move |request| answer(&answering, request))?;
        Ok(Issuer { state, server })
    }

    /// The issuer identifier, `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.state.url.clone()
    }

    /// New keys under new kids; the old ones leave the set. False: no key could be made, and
    /// the old set stands.
    pub fn rotate(&self) -> bool {
        self.state.replace_keys(Keys::renewed)
    }

    /// The same kids, new keys. False as for `rotate`.
    pub fn rekey_same_kid(&self) -> bool {
        self.state.replace_keys(Keys::rekeyed)
    }

    /// The provider is down: connections are refused, those that were open are cut.
    pub fn stop(&self) {
        self.server.stop();
    }

    /// Up again on the same port, with the keys, faults and counts it had.
    pub fn start_again(&self) -> io::Result<()> {
        self.server.start_again()
    }

    /// What the endpoint does from now on, until `clear`; replaces the fault it had.
    pub fn fault(&self, endpoint: Endpoint, fault: Fault) {
        self.state.set_fault(endpoint, fault, None);
    }

    /// What the next `times` answers of the endpoint do; healthy after that.
    pub fn fault_times(&self, endpoint: Endpoint, fault: Fault, times: u32) {
        self.state.set_fault(endpoint, fault, Some(times));
    }

    /// Every endpoint is healthy again; answers under way keep the fault they began with.
    pub fn clear(&self) {
        self.state.faults().clear();
    }

    /// Since the start; never reset.
    pub fn fetches(&self) -> Counts {
        let of = |endpoint| self.state.counter(endpoint).load(Ordering::SeqCst);
        let (oidc, oauth) = (of(Endpoint::Oidc), of(Endpoint::Oauth));
        Counts {
            discovery: oidc.saturating_add(oauth),
            oidc,
            oauth,
            jwks: of(Endpoint::Jwks),
            token: of(Endpoint::Token),
        }
    }

    /// Signs exactly these claims with the current key of `alg`. The header has alg, typ
    /// `at+jwt` and kid; overrides replace its members, a null removes one. For an algorithm
    /// without a key the sentence that says so stands in the token's place.
    pub fn mint(&self, alg: &str, claims: &Value, header_overrides: Option<&Value>) -> String {
        let minted = self.state.keys().mint(alg, claims, header_overrides);
        minted.unwrap_or_else(|reason| reason)
    }

    /// The public key set of the moment.
    pub fn jwks(&self) -> Value {
        self.state.keys().jwks()
    }
}

/// What all connections share.
struct State {
    url: String,
    keys: RwLock<Arc<Keys>>,
    faults: Mutex<HashMap<Endpoint, Standing>>,
    oidc: AtomicU64,
    oauth: AtomicU64,
    jwks: AtomicU64,
    token: AtomicU64,
}

/// A fault, and for how many answers more (none: until cleared).
struct Standing {
    fault: Fault,
    times: Option<u32>,
}

impl State {
    fn new(url: String, keys: Keys) -> State {
        State {
            url,
            keys: RwLock::new(Arc::new(keys)),
            faults: Mutex::default(),
            oidc: AtomicU64::new(0),
            oauth: AtomicU64::new(0),
            jwks: AtomicU64::new(0),
            token: AtomicU64::new(0),
        }
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Generates before it locks: the old set is served meanwhile.
    fn replace_keys(&self, next: impl Fn(&Keys) -> Result<Keys, String>) -> bool {
        let Ok(keys) = next(&self.keys()) else {
            return false;
        };
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
        true
    }

    fn counter(&self, endpoint: Endpoint) -> &AtomicU64 {
        match endpoint {
            Endpoint::Discovery | Endpoint::Oidc => &self.oidc,
            Endpoint::Oauth => &self.oauth,
            Endpoint::Jwks => &self.jwks,
            Endpoint::Token => &self.token,
        }
    }

    fn faults(&self) -> MutexGuard<'_, HashMap<Endpoint, Standing>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set_fault(&self, endpoint: Endpoint, fault: Fault, times: Option<u32>) {
        self.faults().insert(endpoint, Standing { fault, times });
    }

    /// The endpoint's own fault, else the one set for both discovery documents.
    fn take_fault(&self, endpoint: Endpoint) -> Option<Fault> {
        let mut faults = self.faults();
        let both = matches!(endpoint, Endpoint::Oidc | Endpoint::Oauth);
        let named =
            if both && !faults.contains_key(&endpoint) { Endpoint::Discovery } else { endpoint };
        let standing = faults.get_mut(&named)?;
        let left = standing.times.map(|times| times.saturating_sub(1));
        standing.times = left;
        let fault = standing.fault.clone();
        if left == Some(0) {
            faults.remove(&named);
        }
        Some(fault)
    }
}

/// The one way from a request to its reply: count, route, then the fault that stands.
fn answer(state: &State, request: &Request) -> Reply {
    let Some(endpoint) = Endpoint::of_path(&request.path) else {
        return route(state, request);
    };
    state.counter(endpoint).fetch_add(1, Ordering::SeqCst);
    let mut reply = route(state, request);
    match state.take_fault(endpoint) {
        Some(fault) => fault.apply(&mut reply),
        None => tag(&mut reply, request),
    }
    reply
}

fn route(state: &State, request: &Request) -> Reply {
    type Answer = fn(&State, &Request) -> Reply;
    let (methods, answer): (&[&str], Answer) = match request.path.as_str() {
        "/" => (&["GET", "HEAD"], page),
        "/.well-known/openid-configuration" => (&["GET", "HEAD"], metadata),
        "/.well-known/oauth-authorization-server" => (&["GET", "HEAD"], metadata),
        "/jwks" => (&["GET", "HEAD"], jwks),
        "/authorize" => (&["GET", "HEAD"], no_login),
        "/token" => (&["POST"], token::answer),
        "/rotate" => (&["POST"], rotate),
        "/fault" => (&["POST"], set_fault),
        _ => return Reply::text(404, "There is nothing here; GET / lists what there is."),
    };
    if methods.contains(&request.method.as_str()) {
        return answer(state, request);
    }
    Reply::text(405, "Another method is needed; see Allow.").with("Allow", methods.join(", "))
}

/// ETag and 304, as providers behind a cache answer.
fn tag(reply: &mut Reply, request: &Request) {
    if reply.status != 200 || request.method == "POST" {
        return;
    }
    let etag = format!("\"{}\"", base64url(digest::digest(&digest::SHA256, &reply.body)));
    if request.header("if-none-match") == Some(etag.as_str()) {
        reply.status = 304;
        reply.body.clear();
    }
    reply.set_header("ETag", etag);
}

fn page(state: &State, _: &Request) -> Reply {
    let text = format!(
        "libauth issuer: a local OpenID provider, for development and tests only.\n\
         It signs any token for anybody who reaches this port.\n\n\
         GET  /.well-known/openid-configuration\n\
         GET  /.well-known/oauth-authorization-server\n\
         GET  /jwks\n\
         POST /token   grant_type=client_credentials\n\
         \x20             [scope, audience | resource, alg, lifetime, claims, header]\n\
         POST /rotate  new keys under new kids; ?same_kid=1 keeps the kids\n\
         POST /fault   ?endpoint={}&kind=… [&times=N]; kind=none clears\n\n{}\n\
         Algorithms: {}\n",
        Endpoint::NAMES.map(|(name, _)| name).join("|"),
        fault::KINDS,
        state.keys().algorithms().join(" "),
    );
    Reply::text(200, &text)
}

/// Valid for both OpenID Connect Discovery 1.0 and RFC 8414.
fn metadata(state: &State, _: &Request) -> Reply {
    let url = &state.url;
    let document = json!({
        "issuer": url,
        "authorization_endpoint": format!("{url}/authorize"),
        "token_endpoint": format!("{url}/token"),
        "jwks_uri": format!("{url}/jwks"),
        "grant_types_supported": ["client_credentials"],
        // Both standards require one, and neither knows one for a provider without login.
        "response_types_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": state.keys().algorithms(),
        "token_endpoint_auth_methods_supported":
            ["client_secret_basic", "client_secret_post", "none"],
        "scopes_supported": ["openid", "orders:read", "orders:write"],
    });
    Reply::json(200, &document)
}

fn jwks(state: &State, _: &Request) -> Reply {
    Reply::json(200, &state.keys().jwks())
}

fn no_login(_: &State, _: &Request) -> Reply {
    Reply::text(400, "This provider has no login; POST /token gives a token at once.")
}

fn rotate(state: &State, request: &Request) -> Reply {
    let same_kid = Form::parse(&request.query)
        .is_ok_and(|query| query.one("same_kid").is_ok_and(|value| value.is_some()));
    let next = if same_kid { Keys::rekeyed } else { Keys::renewed };
    if state.replace_keys(next) {
        return Reply::json(200, &json!({ "kids": state.keys().kids() }));
    }
    Reply::text(500, "No key could be generated; the old ones stand.")
}

fn set_fault(state: &State, request: &Request) -> Reply {
    match fault::Order::parse(&request.query, &request.body) {
        Ok(fault::Order::Set(endpoint, fault, times)) => {
            let said = format!("{endpoint:?}: {fault:?}");
            state.set_fault(endpoint, fault, times);
            Reply::text(200, &said)
        }
        Ok(fault::Order::Clear(Some(endpoint))) => {
            state.faults().remove(&endpoint);
            Reply::text(200, "healthy")
        }
        Ok(fault::Order::Clear(None)) => {
            state.faults().clear();
            Reply::text(200, "healthy")
        }
        Err(reason) => Reply::text(400, &format!("{reason}\n\n{}", fault::KINDS)),
    }
}
