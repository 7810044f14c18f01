//! One GET: where it goes (`keys.backchannel`, `keys.proxy`, dead addresses), and what is made of
//! each answer.

#[allow(dead_code, unused_imports)]
#[path = "../src/bin/libauth/issuer/mod.rs"]
mod issuer;
mod net;

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use auth::config::Config;
use auth::keys::connect::Rounds;
use auth::keys::fetch::{Answer, Client, Document, Failed, Reach, Stop};
use auth::keys::url::{PlainHttp, Url};
use auth::status::Status;
use issuer::Issuer;
use net::*;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// Cannot be resolved by anybody but a proxy of ours (RFC 2606).
const PUBLIC: &str = "https://id.invalid";

/// A provider whose issuer is this, at whatever address.
fn serving(issuer: &str, signer: &Issuer) -> impl Fn(&str) -> Vec<u8> + Send + Sync + 'static {
    provider(issuer.to_owned(), format!("{issuer}/jwks"), signer.jwks())
}

fn url(text: &str) -> Url {
    Url::parse(text, PlainHttp::Always).unwrap()
}

/// One GET without a configuration.
fn get(server: &Server, etag: Option<&str>) -> Result<Answer, Failed> {
    let reach = Reach { max_bytes: 1024, ..Reach::default() };
    let client = Client::new(&reach, &Stop::default());
    let there = url(&format!("http://127.0.0.1:{}/x", server.port));
    client.get(&there, etag, Duration::from_secs(10))
}

#[track_caller]
fn document(answer: Result<Answer, Failed>) -> Document {
    match answer {
        Ok(Answer::Document(document)) => document,
        Ok(Answer::NotModified { .. }) => panic!("not modified"),
        Err(Failed::Answer { why, .. } | Failed::Transport(why)) => panic!("{why}"),
    }
}

#[track_caller]
fn no_use(answer: Result<Answer, Failed>) -> (String, Option<u64>) {
    match answer {
        Err(Failed::Answer { why, retry_after_ms }) => (why, retry_after_ms),
        Err(Failed::Transport(why)) => panic!("an answer came: {why}"),
        Ok(_) => panic!("must be refused"),
    }
}

// ---------------------------------------------------------------- answers

#[test]
fn redirects_of_every_kind_are_told_and_not_followed() {
    for status in ["301 x", "302 x", "303 x", "307 x", "308 x", "300 x", "305 x"] {
        let to = Server::plain(|_| not_found());
        for location in [
            format!("http://127.0.0.1:{}/jwks", to.port),
            format!("http://localhost:{}/jwks", to.port),
            "https://id.example/jwks".into(),
            "http://169.254.169.254/latest/meta-data".into(),
            "file:///etc/passwd".into(),
            "/elsewhere".into(),
        ] {
            let field = format!("Location: {location}");
            let server = Server::plain(move |_| reply(status, &[&field], b"{}"));
            let (why, _) = no_use(get(&server, None));
            assert!(why.contains(&status[..3]) && why.contains(&location), "{why}");
            assert_eq!(server.heads().len(), 1, "asked once");
        }
        assert_eq!(to.heads(), [""; 0], "{status}");
    }
}

#[test]
fn a_tag_asks_for_news_alone() {
    let server = Server::plain(|head| match field(head, "if-none-match") {
        Some("\"1\"") => {
            let fields = ["Cache-Control: max-age=90", "Date: Sun, 06 Nov 1994 08:49:37 GMT"];
            reply("304 Not Modified", &fields, b"")
        }
        _ => reply("200 OK", &["ETag: \"1\""], b"{}"),
    });
    let first = document(get(&server, None));
    assert_eq!((first.etag.as_deref(), first.body), (Some("\"1\""), b"{}".to_vec()));
    match get(&server, first.etag.as_deref()) {
        Ok(Answer::NotModified { max_age_ms, clock_offset_s }) => {
            assert_eq!(max_age_ms, Some(90_000));
            assert!(clock_offset_s.unwrap() < -900_000_000);
        }
        _ => panic!("the tag was sent"),
    }
    assert_eq!(document(get(&server, Some("\"2\""))).body, b"{}");
    let unasked = Server::plain(|_| reply("304 Not Modified", &[], b""));
    let (why, _) = no_use(get(&unasked, None));
    assert!(why.contains("304") && why.contains("without a condition"), "{why}");
}

#[test]
fn packed_answers_that_nobody_asked_for_are_refused() {
    for coding in ["gzip", "br", "deflate", "GZIP", "identity, gzip", "x"] {
        let field = format!("Content-Encoding: {coding}");
        let server = Server::plain(move |_| reply("200 OK", &[&field], b"{}"));
        let (why, _) = no_use(get(&server, None));
        assert!(why.contains(coding) && why.contains("not asked for"), "{why}");
        assert_eq!(net::field(&server.heads()[0], "accept-encoding"), Some("identity"));
    }
    let plain = Server::plain(|_| reply("200 OK", &["Content-Encoding: Identity"], b"{}"));
    assert_eq!(document(get(&plain, None)).body, b"{}");
}

#[test]
fn a_body_is_read_up_to_its_limit_and_whatever_its_type() {
    for (type_, length) in [("text/html", 1024), ("application/octet-stream", 3), ("x", 0)] {
        let field = format!("Content-Type: {type_}");
        let server = Server::plain(move |_| reply("200 OK", &[&field], &vec![b' '; length]));
        assert_eq!(document(get(&server, None)).body.len(), length);
    }
    let server = Server::plain(|_| reply("200 OK", &[], &[b' '; 1025]));
    let (why, _) = no_use(get(&server, None));
    assert!(why.contains("more than 1024 bytes (`keys.max_bytes`)"), "{why}");
    let endless = Server::plain(|_| {
        let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        [head, b"100\r\n".to_vec(), vec![b' '; 256], b"\r\n".to_vec()]
            .into_iter()
            .chain(
                (0..100).map(|_| [b"100\r\n".to_vec(), vec![b' '; 256], b"\r\n".to_vec()].concat()),
            )
            .flatten()
            .collect()
    });
    let (why, _) = no_use(get(&endless, None));
    assert!(why.contains("more than 1024 bytes"), "{why}");
}

#[test]
fn what_a_head_says_is_read() {
    let server = Server::plain(|_| {
        let two = ["Cache-Control: no-store", "cache-control: public, MAX-AGE=\"120\""];
        reply("200 OK", &[two[0], two[1], &format!("ETag: \"{}\"", "x".repeat(255))], b"")
    });
    let read = document(get(&server, None));
    assert_eq!((read.max_age_ms, read.etag, read.clock_offset_s), (Some(120_000), None, None));
    for (value, expected) in
        [("7", Some(7_000)), ("Sun, 06 Nov 1994 08:50:37 GMT", Some(60_000)), ("soon", None)]
    {
        let fields =
            [format!("Retry-After: {value}"), "Date: Sun, 06 Nov 1994 08:49:37 GMT".into()];
        let server =
            Server::plain(move |_| reply("429 Too Many Requests", &[&fields[0], &fields[1]], b""));
        assert_eq!(no_use(get(&server, None)), ("answered 429".into(), expected));
    }
}

#[test]
fn a_head_has_a_limit() {
    let server = Server::plain(|_| reply("200 OK", &[&format!("X: {}", "x".repeat(17_000))], b""));
    assert!(matches!(get(&server, None), Err(Failed::Transport(why)) if why.contains("failed")));
}

#[test]
fn a_stop_cuts_off_what_is_under_way_and_all_that_follows() {
    let (reached, wait) = std::sync::mpsc::channel();
    let server = Server::plain(move |_| {
        reached.send(()).unwrap();
        std::thread::sleep(Duration::from_secs(60));
        not_found()
    });
    let (stop, reach) = (Stop::default(), Reach { max_bytes: 1024, ..Reach::default() });
    let client = Client::new(&reach, &stop);
    let there = url(&format!("http://127.0.0.1:{}/x", server.port));
    let flight = std::thread::spawn(move || {
        let told = || match client.get(&there, None, Duration::from_secs(50)) {
            Err(Failed::Transport(why)) => why,
            _ => panic!("must fail"),
        };
        [told(), told()]
    });
    wait.recv().unwrap();
    let start = Instant::now();
    stop.now();
    let told = flight.join().unwrap();
    assert_eq!(told[0], "was cut off: the handle is freed");
    assert_eq!(told[1], "was not asked: the handle is freed");
    // Not a measurement: without the stop it lasts 50 s.
    assert!(start.elapsed().as_secs() < 20);
}

// ---------------------------------------------------------------- places

/// A queue of connections that nobody takes: a further one waits, and is never refused.
fn full_listener(address: &str) -> Option<(TcpListener, Vec<TcpStream>, SocketAddr)> {
    let listener = TcpListener::bind(address).ok()?;
    let place = listener.local_addr().unwrap();
    // SAFETY: the descriptor is open; a second listen only makes the queue shorter.
    assert_eq!(unsafe { libc::listen(std::os::fd::AsRawFd::as_raw_fd(&listener), 0) }, 0);
    let connect = || TcpStream::connect_timeout(&place, Duration::from_millis(200)).ok();
    let waiting: Vec<TcpStream> = std::iter::from_fn(connect).take(10).collect();
    assert!(waiting.len() < 10, "the queue is full");
    Some((listener, waiting, place))
}

/// Gives these addresses for any name.
#[derive(Debug)]
struct Fixed(Vec<SocketAddr>);

impl Resolver for Fixed {
    fn resolve(
        &self,
        _: &ureq::http::Uri,
        _: &ureq::config::Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut addresses = self.empty();
        self.0.iter().for_each(|address| addresses.push(*address));
        Ok(addresses)
    }
}

/// One GET through the connector alone, to a name that has these addresses.
fn get_from(addresses: Vec<SocketAddr>, time: Duration) -> Result<u16, ureq::Error> {
    let config = ureq::config::Config::builder().proxy(None).timeout_global(Some(time)).build();
    let agent = ureq::Agent::with_parts(config, Rounds, Fixed(addresses));
    agent.get("http://id.invalid/").call().map(|response| response.status().as_u16())
}

#[test]
fn dead_addresses_do_not_take_the_time_of_the_others() {
    let dead: Vec<_> = (0..3).map(|_| full_listener("127.0.0.1:0").unwrap()).collect();
    let live = Server::plain(|_| reply("200 OK", &[], b""));
    let live = SocketAddr::from(([127, 0, 0, 1], live.port));
    let refusing = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for before in [vec![dead[0].2], vec![refusing, dead[0].2], dead.iter().map(|d| d.2).collect()] {
        let start = Instant::now();
        let found = get_from([before, vec![live]].concat(), Duration::from_secs(5));
        assert_eq!(found.unwrap(), 200);
        // Halves of the time would be 2.5 s for the first alone.
        assert!(start.elapsed() < Duration::from_secs(2), "{:?} of 5 s", start.elapsed());
    }
    let start = Instant::now();
    let all_dead = get_from(vec![dead[0].2, dead[1].2], Duration::from_secs(1));
    assert!(matches!(all_dead, Err(ureq::Error::Timeout(_))), "{all_dead:?}");
    assert!(start.elapsed() < Duration::from_secs(5));
    let all_refuse = get_from(vec![refusing, refusing], Duration::from_secs(5));
    assert!(matches!(all_refuse, Err(ureq::Error::Io(_))), "{all_refuse:?}");
}

#[test]
fn an_address_that_was_only_slow_has_a_second_try() {
    let (slow, waiting, place) = full_listener("127.0.0.1:0").unwrap();
    let dead = full_listener("127.0.0.1:0").unwrap();
    let opens = std::thread::spawn(move || {
        // Longer than its first try, which is 300 ms of its own and as much of the other.
        std::thread::sleep(Duration::from_millis(450));
        drop(waiting);
        Server::on(slow, |_| reply("200 OK", &[], b""))
    });
    assert_eq!(get_from(vec![place, dead.2], Duration::from_secs(10)).unwrap(), 200);
    assert_eq!(opens.join().unwrap().heads().len(), 1);
}

/// Where `localhost` is `::1` first, as it is on most machines.
#[test]
fn a_dead_ipv6_loopback_does_not_take_the_time_of_the_other() {
    let signer = signer();
    let (dead, live) = (0..50)
        .find_map(|_| {
            let dead = full_listener("[::1]:0").expect("this machine has IPv6 on its loopback");
            let live = TcpListener::bind(("127.0.0.1", dead.2.port())).ok()?;
            Some((dead, live))
        })
        .expect("a port that is free at both addresses");
    let issuer = format!("http://localhost:{}", dead.2.port());
    let server = Server::on(live, serving(&issuer, &signer));
    let config = handle(&issuer, &[]);
    let start = Instant::now();
    accepted(&config, &token(&signer, &issuer));
    assert_eq!(server.paths().len(), 2);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?} of 5 s", start.elapsed());
}

#[test]
fn without_a_network_everything_is_a_sentence() {
    let (signer, ca_file) = (signer(), Authority::new("ours").file());
    for (issuer, has) in [
        (PUBLIC, "the host name cannot be resolved"),
        // For documentation alone (RFC 5737, RFC 3849): led nowhere, or refused on the way.
        ("https://192.0.2.1", "192.0.2.1"),
        ("https://[2001:db8::1]", "2001:db8::1"),
        ("https://127.0.0.1:1", "refused"),
        ("http://localhost:1", "refused"),
        ("https://xn--a.invalid.", "cannot be resolved"),
    ] {
        let options = [("keys.timeout", "2s"), ("keys.ca_file", &*ca_file)];
        let config = handle(issuer, &options);
        refused(&config, &token(&signer, issuer), Status::DISCOVERY_FAILED, &[has]);
    }
}

// ---------------------------------------------------------------- backchannel

#[test]
fn the_backchannel_connects_inside_and_stays_public_outside() {
    let signer = signer();
    let inside = Server::plain(serving(PUBLIC, &signer));
    let map = format!("{PUBLIC}=http://127.0.0.1:{}", inside.port);
    for more in [
        ("keys.discovery", "auto"),
        ("keys.jwks_uri", "https://ID.invalid:443/jwks"),
        ("keys.discovery_url", "https://id.invalid/.well-known/openid-configuration"),
    ] {
        let config = handle(PUBLIC, &[("keys.backchannel", &map), more]);
        accepted(&config, &token(&signer, PUBLIC));
        let inner = format!("http://127.0.0.1:{}", inside.port);
        let internal = token(&signer, &inner);
        refused(&config, &internal, Status::ISSUER_INVALID, &[]);
    }
    let heads = inside.heads();
    assert_eq!(heads.len(), 5);
    assert!(heads.iter().all(|head| field(head, "host") == Some("id.invalid")), "{heads:?}");
}

#[test]
fn the_backchannel_sends_a_port_that_is_not_the_default_and_knows_the_inner_name() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let public = "https://id.invalid:8443";
    let inside = Server::tls(authority.server(&["localhost"]), serving(public, &signer));
    let map = format!("{public}=https://localhost:{}", inside.port);
    let options = [("keys.backchannel", &*map), ("keys.ca_file", &authority.file())];
    accepted(&handle(public, &options), &token(&signer, public));
    let heads = inside.heads();
    assert!(heads.iter().all(|head| field(head, "host") == Some("id.invalid:8443")), "{heads:?}");
    let map = format!("{public}=https://127.0.0.1:{}", inside.port);
    let inner = format!("at \"https://127.0.0.1:{}\" (`keys.backchannel`)", inside.port);
    let misnamed = [("keys.backchannel", &*map), ("keys.ca_file", &authority.file())];
    let has = ["not for the name in its URL, but for \"localhost\"", &inner];
    let config = handle(public, &misnamed);
    refused(&config, &token(&signer, public), Status::DISCOVERY_FAILED, &has);
    // Another port is another origin.
    let config = handle(PUBLIC, &options);
    let has = ["the host name cannot be resolved"];
    refused(&config, &token(&signer, PUBLIC), Status::DISCOVERY_FAILED, &has);
}

#[test]
fn the_backchannel_maps_the_origins_that_are_named_and_no_other() {
    let signer = signer();
    let keys = Server::plain(|_| not_found());
    let jwks_uri = "https://keys.invalid/jwks";
    let inside = Server::plain(provider(PUBLIC.into(), jwks_uri.into(), signer.jwks()));
    let one = format!("{PUBLIC}=http://127.0.0.1:{}", inside.port);
    let ca_file = Authority::new("ours").file();
    let config = handle(PUBLIC, &[("keys.backchannel", &one), ("keys.ca_file", &ca_file)]);
    let has = ["keys.invalid", "the host name cannot be resolved"];
    refused(&config, &token(&signer, PUBLIC), Status::KEYS_UNAVAILABLE, &has);
    let both = format!("{one} https://keys.invalid=http://127.0.0.1:{}", keys.port);
    let config = handle(PUBLIC, &[("keys.backchannel", &both)]);
    refused(&config, &token(&signer, PUBLIC), Status::KEYS_UNAVAILABLE, &["answered 404"]);
    assert_eq!(keys.paths(), ["/jwks"]);
}

#[test]
fn the_inner_issuer_of_a_document_is_not_the_public_one() {
    let signer = signer();
    let inside = Server::plain(serving("http://keycloak:8080", &signer));
    let map = format!("{PUBLIC}=http://127.0.0.1:{}", inside.port);
    let config = handle(PUBLIC, &[("keys.backchannel", &map)]);
    let has = ["http://keycloak:8080"];
    refused(&config, &token(&signer, PUBLIC), Status::DISCOVERY_ISSUER_MISMATCH, &has);
}

#[test]
fn a_plain_http_target_of_the_backchannel_needs_keys_http() {
    for (target, http, allowed) in [
        ("http://keycloak:8080", "loopback", false),
        ("http://keycloak:8080", "always", true),
        ("http://127.0.0.1:8080", "loopback", true),
        ("http://127.0.0.1:8080", "never", false),
        ("https://keycloak:8443", "never", true),
    ] {
        let map = format!("{PUBLIC}={target}");
        let config = handle(PUBLIC, &[("keys.backchannel", &map), ("keys.http", http)]);
        match config.check() {
            Ok(_) => assert!(allowed, "{target} {http}"),
            Err(refusal) => {
                assert!(!allowed, "{target} {http}: {}", refusal.log);
                assert_eq!(refusal.status, Status::OPTION_INVALID);
                assert!(refusal.log.contains("keys.backchannel"), "{}", refusal.log);
                assert!(refusal.log.contains("`keys.http`"), "{}", refusal.log);
            }
        }
    }
}

// ---------------------------------------------------------------- proxies

/// A provider at [`PUBLIC`] that a proxy alone can reach.
fn behind(signer: &Issuer, authority: &Authority) -> Server {
    Server::tls(authority.server(&["id.invalid"]), serving(PUBLIC, signer))
}

fn by_proxy(proxy: &str, authority: &Authority) -> Config {
    handle(PUBLIC, &[("keys.proxy", proxy), ("keys.ca_file", &authority.file())])
}

#[test]
fn https_goes_through_a_tunnel_of_the_proxy() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let proxy = Proxy::to(behind(&signer, &authority).port);
    accepted(&by_proxy(&proxy.url(), &authority), &token(&signer, PUBLIC));
    let named = proxy.url().replace("http://", "http://user:pass%20word@");
    accepted(&by_proxy(&named, &authority), &token(&signer, PUBLIC));
    let heads = proxy.heads();
    assert_eq!(heads.len(), 4);
    assert!(heads.iter().all(|head| head.starts_with("CONNECT id.invalid:443 HTTP/1.1\r\n")));
    let credentials = heads.iter().map(|head| field(head, "proxy-authorization"));
    let basic = Some("Basic dXNlcjpwYXNzIHdvcmQ=");
    assert_eq!(credentials.collect::<Vec<_>>(), [None, None, basic, basic]);
}

#[test]
fn a_proxy_may_speak_tls_itself() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let port = behind(&signer, &authority).port;
    let proxy = Proxy::tls_to(port, authority.server(&["localhost"]));
    let url = format!("https://localhost:{}", proxy.port);
    accepted(&by_proxy(&url, &authority), &token(&signer, PUBLIC));
    assert_eq!(proxy.heads().len(), 2);
    let misnamed = Proxy::tls_to(port, authority.server(&["other.example"]));
    let url = format!("https://localhost:{}", misnamed.port);
    let has = ["not for the name in its URL", "by the proxy of `keys.proxy`"];
    let config = by_proxy(&url, &authority);
    refused(&config, &token(&signer, PUBLIC), Status::DISCOVERY_FAILED, &has);
}

#[test]
fn the_certificate_counts_behind_a_proxy_too() {
    let (signer, ours, other) = (signer(), Authority::new("ours"), Authority::new("other"));
    let proxy = Proxy::to(behind(&signer, &other).port);
    let config = by_proxy(&proxy.url(), &ours);
    let has = ["authority that is not trusted", "by the proxy of `keys.proxy`"];
    refused(&config, &token(&signer, PUBLIC), Status::DISCOVERY_FAILED, &has);
}

#[test]
fn a_proxy_that_refuses_is_told_without_its_password() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    for status in ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"] {
        let proxy = Proxy::refusing(status);
        let named = proxy.url().replace("http://", "http://user:secret@");
        let told = format!("{} was the answer to CONNECT", &status[..3]);
        let has = [&*told, "by the proxy of `keys.proxy`"];
        let config = by_proxy(&named, &authority);
        let log = refused(&config, &token(&signer, PUBLIC), Status::DISCOVERY_FAILED, &has);
        assert!(!log.contains("secret") && !log.contains("user"), "{log}");
    }
    let config = by_proxy("http://user:secret@127.0.0.1:1", &authority);
    let has = ["refused", "by the proxy of `keys.proxy`"];
    let log = refused(&config, &token(&signer, PUBLIC), Status::DISCOVERY_FAILED, &has);
    assert!(!log.contains("secret"), "{log}");
    let closing = listen(|_| Ok(()));
    let config = by_proxy(&format!("http://127.0.0.1:{closing}"), &authority);
    let has = ["by the proxy of `keys.proxy`"];
    refused(&config, &token(&signer, PUBLIC), Status::DISCOVERY_FAILED, &has);
}

#[test]
fn a_proxy_is_never_a_way_to_addresses_that_are_not_asked() {
    let signer = signer();
    let proxy = Proxy::refusing("500 x");
    let url = proxy.url();
    for issuer in ["https://169.254.169.254", "https://[fe80::1]", "https://[::ffff:169.254.1.1]"] {
        let config = handle(issuer, &[("keys.proxy", &url)]);
        let has = ["addresses that are not asked"];
        refused(&config, &token(&signer, issuer), Status::DISCOVERY_FAILED, &has);
    }
    // What is on this machine is asked straight.
    let local = Server::plain(|_| not_found());
    let issuer = format!("http://localhost:{}", local.port);
    let config = handle(&issuer, &[("keys.proxy", &url)]);
    refused(&config, &token(&signer, &issuer), Status::DISCOVERY_FAILED, &["answered 404"]);
    assert_eq!((proxy.heads().len(), local.heads().len()), (0, 2));
}

#[test]
fn a_proxy_option_that_is_no_use_is_a_mistake_without_its_text() {
    for value in [
        "none",
        "Env",
        "http://",
        "socks5://user:secret@proxy:1080",
        "http://user:secret@proxy:0",
        "http://user:secret@proxy/path",
        "ftp://user:secret@proxy",
        "http://user:secret@pro xy",
    ] {
        let config = Config::default();
        let refusal = config.set(b"keys.proxy", Some(value.as_bytes())).unwrap_err();
        assert_eq!(refusal.status, Status::OPTION_INVALID, "{value}");
        assert!(refusal.log.starts_with("keys.proxy "), "{}", refusal.log);
        assert!(!refusal.log.contains("secret"), "{}", refusal.log);
    }
}

#[test]
fn the_proxies_of_the_environment_are_taken_and_left_as_it_says() {
    child("https_proxy_is_taken", &[]);
    child("http_proxy_of_a_cgi_program_is_a_strangers", &[("REQUEST_METHOD", "GET")]);
}

/// Before any thread: the variables of this process are its own.
fn set_variable(name: &str, value: &str) {
    // SAFETY: the test runs alone in its process, and no other thread reads the environment.
    unsafe { std::env::set_var(name, value) };
}

#[test]
#[ignore = "run by the test before it"]
fn https_proxy_is_taken() {
    let (signer, authority) = (signer(), Authority::new("ours"));
    let proxy = Proxy::to(behind(&signer, &authority).port);
    set_variable("HTTPS_PROXY", &proxy.url().replace("http://", "http://user:secret@"));
    let ca_file = authority.file();
    let config = |more| handle(PUBLIC, &[("keys.ca_file", &*ca_file), more]);
    let token = token(&signer, PUBLIC);
    accepted(&config(("keys.proxy", "env")), &token);
    assert_eq!(proxy.heads().len(), 2);
    let has = ["the host name cannot be resolved"];
    refused(&config(("keys.proxy", "off")), &token, Status::DISCOVERY_FAILED, &has);
    set_variable("NO_PROXY", "x,.invalid");
    refused(&config(("keys.proxy", "env")), &token, Status::DISCOVERY_FAILED, &has);
    set_variable("NO_PROXY", "x");
    set_variable("HTTPS_PROXY", "socks5://user:secret@127.0.0.1:1080");
    let has = ["HTTPS_PROXY names a SOCKS proxy", "`keys.proxy`"];
    let broken = config(("keys.proxy", "env"));
    assert!(broken.check().is_ok(), "a variable of the host is no mistake of the configuration");
    let log = refused(&broken, &token, Status::DISCOVERY_FAILED, &has);
    assert!(!log.contains("secret"), "{log}");
    let local = Server::plain(|_| not_found());
    let issuer = format!("https://127.0.0.1:{}", local.port);
    let log = judge(&handle(&issuer, &[("keys.proxy", "env")]), &net::token(&signer, &issuer))
        .unwrap_err()
        .log;
    assert!(!log.contains("HTTPS_PROXY"), "it concerns other fetches: {log}");
    assert_eq!(proxy.heads().len(), 2, "no more went by it");
}

#[test]
#[ignore = "run by a test before it"]
fn http_proxy_of_a_cgi_program_is_a_strangers() {
    let (signer, issuer) = (signer(), "http://id.invalid");
    let proxy = Proxy::to(Server::plain(serving(issuer, &signer)).port);
    set_variable("HTTP_PROXY", &proxy.url());
    let config = || handle(issuer, &[("keys.http", "always"), ("keys.proxy", "env")]);
    let token = token(&signer, issuer);
    let has = ["the host name cannot be resolved"];
    refused(&config(), &token, Status::DISCOVERY_FAILED, &has);
    assert_eq!(proxy.heads(), [""; 0]);
    set_variable("http_proxy", &proxy.url());
    accepted(&config(), &token);
    assert_eq!(proxy.heads().len(), 2);
}
