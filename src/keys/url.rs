//! A URL that may be asked, and where plain http is allowed. One parser: what is checked here is
//! what is connected to.

use std::net::{IpAddr, Ipv4Addr};

use ureq::http::Uri;
use ureq::http::uri::PathAndQuery;

const URL_MAX_BYTES: usize = 2048;

/// Where plain http is allowed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlainHttp {
    #[default]
    Loopback,
    Always,
    Never,
}

/// A URL that may be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
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
        if is_odd_number(host) {
            return Err("has a number for a host that is not written as an address");
        }
        if !matches!(uri.scheme_str(), Some("https" | "http")) {
            return Err("is neither https nor http");
        }
        let url = Url(uri);
        url.check(http).map(|()| url)
    }

    /// May it be asked, if it is plain http?
    pub fn check(&self, http: PlainHttp) -> Result<(), &'static str> {
        let allowed = match http {
            PlainHttp::Always => true,
            PlainHttp::Loopback => self.is_loopback(),
            PlainHttp::Never => false,
        };
        match self.is_https() || allowed {
            true => Ok(()),
            false => Err("is plain http, which `keys.http` does not allow there"),
        }
    }

    pub fn is_https(&self) -> bool {
        self.0.scheme_str() == Some("https")
    }

    pub fn has_query(&self) -> bool {
        self.0.query().is_some()
    }

    pub fn as_text(&self) -> String {
        self.0.to_string()
    }

    /// For sentences and reports: a query may hold what is secret.
    pub fn told(&self) -> String {
        let text = self.as_text();
        text.split_once('?').map_or(text.clone(), |(place, _)| format!("{place}?..."))
    }

    pub(super) fn as_uri(&self) -> &Uri {
        &self.0
    }

    /// `scheme://host:port`; a port that the scheme has anyway is left out.
    pub fn origin(&self) -> String {
        let scheme = if self.is_https() { "https" } else { "http" };
        format!("{scheme}://{}", self.authority())
    }

    /// `host:port`, as the field Host wants it.
    pub(super) fn authority(&self) -> String {
        let host = self.host().to_ascii_lowercase();
        match self.0.port_u16() {
            Some(port) if port != self.default_port() => format!("{host}:{port}"),
            _ => host,
        }
    }

    /// An IPv6 address has its brackets.
    pub(super) fn host(&self) -> &str {
        self.0.host().unwrap_or("")
    }

    pub(super) fn port(&self) -> u16 {
        self.0.port_u16().unwrap_or(self.default_port())
    }

    fn default_port(&self) -> u16 {
        if self.is_https() { 443 } else { 80 }
    }

    /// The address that stands there instead of a name.
    pub(super) fn address(&self) -> Option<IpAddr> {
        address(self.host())
    }

    pub(super) fn is_loopback(&self) -> bool {
        let named = self.host().eq_ignore_ascii_case("localhost");
        named || self.address().is_some_and(|address| address.is_loopback())
    }

    /// Nothing but scheme, host and port.
    pub fn is_origin(&self) -> bool {
        self.0.path() == "/" && !self.has_query()
    }

    /// The same path and query at another origin.
    pub(super) fn at(&self, origin: &Url) -> Url {
        let (mut parts, there) = (self.0.clone().into_parts(), origin.0.clone().into_parts());
        (parts.scheme, parts.authority) = (there.scheme, there.authority);
        parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
        // Three valid parts make a URL.
        Uri::from_parts(parts).map_or_else(|_| origin.clone(), Url)
    }
}

/// An IPv6 address stands in brackets.
pub(super) fn address(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// `2852039166` and `0xa9.254.43518` are addresses to the resolver of the system, and to that of a
/// proxy, while no check here would know them as such.
fn is_odd_number(host: &str) -> bool {
    let last = host.strip_suffix('.').unwrap_or(host).rsplit('.').next().unwrap_or("");
    let hex = last.strip_prefix("0x").or_else(|| last.strip_prefix("0X"));
    let number = match hex {
        Some(digits) => digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => !last.is_empty() && last.bytes().all(|byte| byte.is_ascii_digit()),
    };
    number && host.parse::<Ipv4Addr>().is_err()
}

#[cfg(test)]
mod tests {
    use super::*;

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
            "https://2852039166/",
            "https://0xa9fea9fe/",
            "https://169.254.43518/",
            "https://0251.0376.0251.0376/",
            "https://169.254.169.254./",
            "http://127.1/",
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
            "https://id.example./",
            "https://4chan.example/",
            "https://example.0xyz/",
        ] {
            assert!(Url::parse(text, PlainHttp::Loopback).is_ok(), "{text}");
        }
        assert!(Url::parse("http://127.0.0.1/", PlainHttp::Never).is_err());
        assert!(Url::parse("http://id.example/", PlainHttp::Always).is_ok());
    }

    #[test]
    fn an_origin_leaves_out_what_the_scheme_says() {
        let origin = |text| Url::parse(text, PlainHttp::Always).unwrap().origin();
        assert_eq!(origin("HTTPS://ID.example:443/a?b"), "https://id.example");
        assert_eq!(origin("http://id.example:443"), "http://id.example:443");
        assert_eq!(origin("http://id.example:80/"), "http://id.example");
        assert_eq!(origin("https://[fd00::1]:8443/"), "https://[fd00::1]:8443");
    }

    #[test]
    fn another_origin_keeps_path_and_query() {
        let url = |text| Url::parse(text, PlainHttp::Always).unwrap();
        let inside = url("http://keycloak:8080");
        for (outside, expected) in [
            ("https://id.example/a/b?c=d", "http://keycloak:8080/a/b?c=d"),
            ("https://id.example", "http://keycloak:8080/"),
            ("https://id.example?c", "http://keycloak:8080/?c"),
        ] {
            assert_eq!(url(outside).at(&inside).as_text(), expected);
        }
    }
}
