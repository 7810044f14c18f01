//! The usual configuration mistakes, told where a comparison fails: for the operator's sentence
//! alone, never for a decision.

/// The end of a sentence.
pub fn told(hint: Option<&'static str>) -> String {
    hint.map_or(String::new(), |hint| format!(" ({hint})"))
}

/// How an `iss` differs from the configured one, where it does by little.
pub fn issuer(got: &str, expected: &str) -> Option<&'static str> {
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    let entra_v1 = got.starts_with("https://sts.windows.net/");
    if entra_v1 && expected.starts_with("https://login.microsoftonline.com/") {
        return Some(
            "an Entra v1 token: set accessTokenAcceptedVersion to 2, or configure its issuer",
        );
    }
    let entra_v2 = got.starts_with("https://login.microsoftonline.com/");
    if entra_v2 && expected.starts_with("https://sts.windows.net/") {
        return Some("an Entra v2 token: configure its issuer");
    }
    if bare(got) == bare(expected) {
        return Some("they differ by a slash at the end");
    }
    if after_scheme(got) == after_scheme(expected) {
        return Some("they differ by http and https");
    }
    if got.eq_ignore_ascii_case(expected) {
        return Some("they differ by upper and lower case");
    }
    if less_port(got) == less_port(expected) {
        return Some("they differ by the port");
    }
    None
}

/// What stands in `aud` instead of this API.
pub fn audience(got: &[&str], expected: &[String], client_id: &str) -> Option<&'static str> {
    let near = |got: &str, expected: &str| {
        got != expected && got.trim_end_matches('/') == expected.trim_end_matches('/')
    };
    let any = |near: &dyn Fn(&str, &str) -> bool| {
        got.iter().any(|got| expected.iter().any(|expected| near(got, expected)))
    };
    if any(&near) {
        return Some("they differ by a slash at the end");
    }
    if any(&|got, expected| got.eq_ignore_ascii_case(expected)) {
        return Some("they differ by upper and lower case");
    }
    if any(&|got, expected| got.strip_prefix("api://") == Some(expected)) {
        return Some("they differ by api:// in front");
    }
    if !client_id.is_empty() && got.contains(&client_id) {
        return Some("aud is the client itself: an ID token, or no API was asked for");
    }
    None
}

fn after_scheme(url: &str) -> &str {
    url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")).unwrap_or(url)
}

fn less_port(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host);
    format!("{scheme}://{host}/{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_that_differs_by_little_is_told() {
        let expected = "https://id.example/realms/a";
        for (got, word) in [
            ("https://id.example/realms/a/", "slash"),
            ("http://id.example/realms/a", "http and https"),
            ("https://ID.example/realms/A", "case"),
            ("https://id.example:443/realms/a", "port"),
        ] {
            assert!(issuer(got, expected).unwrap().contains(word), "{got}");
        }
        assert_eq!(issuer("https://other.example", expected), None);
        let entra = "https://login.microsoftonline.com/t/v2.0";
        assert!(issuer("https://sts.windows.net/t/", entra).unwrap().contains("v1"));
        assert!(issuer(entra, "https://sts.windows.net/t/").unwrap().contains("v2"));
    }

    #[test]
    fn an_audience_that_differs_by_little_is_told() {
        let expected = ["https://api.example".to_owned(), "abc".to_owned()];
        assert!(audience(&["https://api.example/"], &expected, "").unwrap().contains("slash"));
        assert!(audience(&["ABC"], &expected, "").unwrap().contains("case"));
        assert!(audience(&["api://abc"], &expected, "").unwrap().contains("api://"));
        assert!(audience(&["web"], &expected, "web").unwrap().contains("ID token"));
        assert_eq!(audience(&["x"], &expected, "web"), None);
    }
}
