//! Which proxy a connection goes by: that of `keys.proxy`, or of the environment as it was at the
//! freeze. Its URL is never told: it may hold a password.

use std::net::IpAddr;
use std::sync::Arc;

use super::url::{PlainHttp, Url};

/// Made at the freeze.
#[derive(Clone, Default)]
pub enum Proxies {
    #[default]
    Off,
    /// `keys.proxy` is a URL.
    One(ureq::Proxy),
    Environment(Arc<Environment>),
}

/// The variables that name proxies.
#[derive(Default)]
pub struct Environment {
    https: Option<Named>,
    http: Option<Named>,
    no_proxy: String,
}

/// A variable that is set, and what it says; a mistake in it concerns the fetches that would go by
/// it, and not the configuration.
struct Named {
    name: &'static str,
    proxy: Result<ureq::Proxy, &'static str>,
}

/// What one connection goes by.
pub struct Hop {
    pub proxy: ureq::Proxy,
    /// Where it was set.
    pub name: &'static str,
}

impl Proxies {
    /// None: it goes straight. What is on this machine always does.
    pub fn for_target(&self, target: &Url) -> Result<Option<Hop>, String> {
        if target.is_loopback() {
            return Ok(None);
        }
        let named = match self {
            Proxies::Off => None,
            Proxies::One(proxy) => {
                return Ok(Some(Hop { proxy: proxy.clone(), name: "`keys.proxy`" }));
            }
            Proxies::Environment(set) if set.excepts(target) => None,
            Proxies::Environment(set) if target.is_https() => set.https.as_ref(),
            Proxies::Environment(set) => set.http.as_ref(),
        };
        let Some(Named { name, proxy }) = named else { return Ok(None) };
        match proxy {
            Ok(proxy) => Ok(Some(Hop { proxy: proxy.clone(), name })),
            Err(why) => Err(format!(
                "was not asked: the environment variable {name} {why}; `keys.proxy` set to off or \
                 to a URL goes before it"
            )),
        }
    }
}

impl Environment {
    /// `variable` gives the text of a variable that is set.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Environment {
        let first = |names: &[&'static str]| {
            let set = |name: &&'static str| {
                let text = variable(name).filter(|text| !text.trim().is_empty())?;
                let text = text.trim();
                let full = if text.contains("://") { text } else { &format!("http://{text}") };
                Some(Named { name, proxy: parse(full) })
            };
            names.iter().find_map(set)
        };
        // Under CGI a header field `Proxy` of the request comes as HTTP_PROXY (httpoxy).
        let cgi = variable("REQUEST_METHOD").is_some();
        let http: &[&str] = match cgi {
            true => &["http_proxy", "ALL_PROXY", "all_proxy"],
            false => &["http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"],
        };
        Environment {
            https: first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            http: first(http),
            no_proxy: variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default(),
        }
    }

    /// NO_PROXY: `*`, a name (its subdomains too), an address or a block of them; each may have a
    /// port.
    fn excepts(&self, target: &Url) -> bool {
        let host = target.host().trim_end_matches('.').to_ascii_lowercase();
        let is_it = |entry: &str| {
            let entry = entry.to_ascii_lowercase();
            // `fd00::1` has colons and no port.
            let (name, port) = match entry.rsplit_once(':') {
                Some((name, port)) if !name.contains(':') || name.ends_with(']') => {
                    (name.to_owned(), port.parse::<u16>().ok())
                }
                _ => (entry, None),
            };
            let name = name.trim_start_matches('*').trim_start_matches('.');
            let below = host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
            let same = match target.address() {
                Some(address) => super::url::address(name) == Some(address),
                None => host == name || below,
            };
            let is_host = name.is_empty() || same || is_in_block(target, name);
            is_host && port.is_none_or(|port| port == target.port())
        };
        let mut entries = self.no_proxy.split([',', ' ']).filter(|entry| !entry.is_empty());
        entries.any(is_it)
    }
}

/// `10.0.0.0/8` or `fd00::/8`
fn is_in_block(target: &Url, block: &str) -> bool {
    let Some((network, bits)) = block.split_once('/') else { return false };
    let (Ok(network), Ok(bits)) = (network.parse::<IpAddr>(), bits.parse::<u32>()) else {
        return false;
    };
    // Both from the left of 128 bits.
    let left = |address: IpAddr| match address {
        IpAddr::V4(ip) => (32, u128::from(ip.to_bits()) << 96),
        IpAddr::V6(ip) => (128, ip.to_bits()),
    };
    let Some((length, address)) = target.address().map(left) else { return false };
    let (network_length, network) = left(network);
    let outside = 128u32.saturating_sub(bits);
    let differ = (network ^ address).checked_shr(outside).unwrap_or(0);
    length == network_length && bits <= length && differ == 0
}

/// An error is the end of a sentence, and tells nothing of the text.
pub fn parse(text: &str) -> Result<ureq::Proxy, &'static str> {
    let (scheme, rest) = text.split_once("://").ok_or("is not a URL")?;
    let (_, place) = rest.rsplit_once('@').unwrap_or(("", rest));
    if scheme.to_ascii_lowercase().starts_with("socks") {
        return Err("names a SOCKS proxy: http and https alone are spoken");
    }
    let url = Url::parse(&format!("{scheme}://{place}"), PlainHttp::Always)?;
    if !url.is_origin() {
        return Err("has a path or a query");
    }
    ureq::Proxy::new(text).map_err(|_| "is not a URL of a proxy")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], target: &str) -> Option<Result<String, String>> {
        let variable = |name: &str| {
            let mut set = variables.iter().filter(|(known, _)| *known == name);
            set.next().map(|(_, text)| (*text).to_owned())
        };
        let proxies = Proxies::Environment(Arc::new(Environment::read(variable)));
        let target = Url::parse(target, PlainHttp::Always).unwrap();
        let hop = proxies.for_target(&target).transpose()?;
        Some(hop.map(|hop| format!("{} {}", hop.name, hop.proxy.uri())))
    }

    #[test]
    fn under_cgi_the_upper_case_http_proxy_is_a_strangers() {
        let set = [("HTTP_PROXY", "http://evil:1"), ("REQUEST_METHOD", "GET")];
        assert_eq!(chosen(&set, "http://id.example"), None);
        let plain = chosen(&set[..1], "http://id.example").unwrap().unwrap();
        assert_eq!(plain, "HTTP_PROXY http://evil:1/");
        let lower = [("http_proxy", "http://good:1"), set[0], set[1]];
        let lower = chosen(&lower, "http://id.example").unwrap().unwrap();
        assert_eq!(lower, "http_proxy http://good:1/");
    }

    #[test]
    fn each_scheme_has_its_variables() {
        let set = [("HTTPS_PROXY", ""), ("https_proxy", "a:1"), ("ALL_PROXY", "https://b:2")];
        let chosen_by = |target| chosen(&set, target).unwrap().unwrap();
        assert_eq!(chosen_by("https://id.example"), "https_proxy http://a:1/");
        assert_eq!(chosen_by("http://id.example"), "ALL_PROXY https://b:2/");
        assert_eq!(chosen(&[("HTTP_PROXY", "a:1")], "https://id.example"), None);
        for local in ["http://localhost:1", "https://127.0.0.2", "https://[::1]:8443"] {
            assert_eq!(chosen(&set, local), None, "{local}");
        }
    }

    #[test]
    fn no_proxy_excepts_names_addresses_and_blocks() {
        let goes_by = |no_proxy, target| {
            chosen(&[("ALL_PROXY", "http://proxy:1"), ("no_proxy", no_proxy)], target).is_some()
        };
        for (no_proxy, target) in [
            ("*", "https://id.example"),
            ("id.example", "https://ID.example"),
            ("x, example", "https://id.example"),
            ("x .example", "https://id.example"),
            ("*.example", "https://id.example:8443"),
            ("id.example:8443", "https://id.example:8443"),
            ("10.1.2.3", "https://10.1.2.3"),
            ("10.0.0.0/8", "https://10.1.2.3"),
            ("0.0.0.0/0", "https://10.1.2.3"),
            ("fd00::1", "https://[fd00::1]:8443"),
            ("[fd00::1]:8443", "https://[fd00::1]:8443"),
        ] {
            assert!(!goes_by(no_proxy, target), "{no_proxy}: {target}");
        }
        for (no_proxy, target) in [
            ("", "https://id.example"),
            ("d.example", "https://id.example"),
            ("id.example:8443", "https://id.example"),
            ("11.0.0.0/8", "https://10.1.2.3"),
            ("10.0.0.0/33", "https://10.1.2.3"),
            ("2.3", "https://10.1.2.3"),
            ("fd00::2", "https://[fd00::1]"),
        ] {
            assert!(goes_by(no_proxy, target), "{no_proxy}: {target}");
        }
    }

    #[test]
    fn a_broken_variable_is_told_without_its_text() {
        for text in [
            "socks5://user:secret@proxy:1080",
            "ftp://secret@proxy",
            "http://user:secret@",
            "http://user:secret@proxy:0",
            "http://secret@proxy/path",
            "http://us er:secret@pro xy",
            "http://user:secret%ff@proxy",
        ] {
            let told = chosen(&[("HTTPS_PROXY", text)], "https://id.example").unwrap();
            let told = told.expect_err(text);
            assert!(told.contains("HTTPS_PROXY") && told.contains("`keys.proxy`"), "{told}");
            assert!(!told.contains("secret") && !told.contains("user:"), "{told}");
        }
    }
}
