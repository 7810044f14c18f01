//! Issuer → metadata → URL of the key set (OpenID Connect Discovery 4, RFC 8414 3). Pure: says what
//! to ask and reads what came.

use std::borrow::Cow;

use crate::config::Name;
use crate::json::{Field, Room, read_object, utf8};
use crate::status::Status;
use crate::verdict::quote;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Discovery {
    Auto,
    Oidc,
    OAuth,
    Off,
}

/// The places of the metadata document, in the order to ask.
pub fn urls(issuer: &str, discovery: Discovery) -> Vec<String> {
    let bare = issuer.strip_suffix('/').unwrap_or(issuer);
    let oidc = format!("{bare}/.well-known/openid-configuration");
    // RFC 8414 3.1: between the host and the path.
    let path_at = bare
        .find("://")
        .and_then(|scheme| {
            let host = scheme.saturating_add(3);
            bare.get(host..)?.find('/').map(|slash| host.saturating_add(slash))
        })
        .unwrap_or(bare.len());
    let (origin, path) = bare.split_at_checked(path_at).unwrap_or((bare, ""));
    let oauth = format!("{origin}/.well-known/oauth-authorization-server{path}");
    match discovery {
        Discovery::Auto => vec![oidc, oauth],
        Discovery::Oidc => vec![oidc],
        Discovery::OAuth => vec![oauth],
        Discovery::Off => Vec::new(),
    }
}

/// The `jwks_uri` of a metadata document whose `issuer` is exactly the one expected (RFC 8414 3.3).
pub fn jwks_uri(document: &[u8], issuer: &Name) -> Result<String, (Status, String)> {
    let (mut said_issuer, mut said_uri) = (Field::Absent, Field::Absent);
    let none = |_: &str| false;
    let read = utf8(document).and_then(|document| {
        read_object(document, &mut Room::default(), none, &mut |name: Cow<str>, value| match name
            .as_ref()
        {
            "issuer" => said_issuer = value,
            "jwks_uri" => said_uri = value,
            _ => {}
        })
    });
    let failed = |why: String| (Status::DISCOVERY_FAILED, why);
    read.map_err(|fault| failed(format!("sent metadata that {fault}")))?;
    match said_issuer {
        Field::Text(said) if issuer.is_published_as(&said) => {}
        Field::Text(said) => {
            let why =
                format!("says issuer {}, configured is {}", quote(&said), quote(&issuer.text()));
            return Err((Status::DISCOVERY_ISSUER_MISMATCH, why));
        }
        _ => {
            let why = "sent metadata without an `issuer` that is a text".to_owned();
            return Err((Status::DISCOVERY_ISSUER_MISMATCH, why));
        }
    }
    match said_uri {
        Field::Text(uri) => Ok(uri.into_owned()),
        _ => Err(failed("sent metadata without a `jwks_uri` that is a text".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oidc_appends_and_oauth_inserts() {
        assert_eq!(
            urls("https://id.example/realms/a", Discovery::Auto),
            [
                "https://id.example/realms/a/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server/realms/a"
            ]
        );
        assert_eq!(
            urls("https://id.example/", Discovery::Auto),
            [
                "https://id.example/.well-known/openid-configuration",
                "https://id.example/.well-known/oauth-authorization-server"
            ]
        );
        assert_eq!(urls("https://id.example", Discovery::Off), [""; 0]);
    }

    #[test]
    fn the_issuer_of_the_document_must_be_the_configured_one() {
        let issuer = Name::Exact("https://id.example".into());
        let read = |text: &str| jwks_uri(text.as_bytes(), &issuer).map_err(|e| e.0);
        let good = r#"{"issuer":"https:\/\/id.example","jwks_uri":"https://id.example/jwks"}"#;
        assert_eq!(read(good), Ok("https://id.example/jwks".into()));
        for issuer in [r#""https://id.example/""#, "null", r#"["https://id.example"]"#] {
            let document = format!(r#"{{"issuer":{issuer},"jwks_uri":"https://id.example/jwks"}}"#);
            assert_eq!(read(&document), Err(Status::DISCOVERY_ISSUER_MISMATCH));
        }
        for document in ["", "<html>", "[]", r#"{"issuer":"https://id.example"}"#] {
            assert_eq!(read(document), Err(Status::DISCOVERY_FAILED), "{document}");
        }
    }

    #[test]
    fn a_template_in_the_document_is_for_configured_tenants_alone() {
        let document = br#"{"issuer":"https://id.example/{tenantid}/v2.0","jwks_uri":"u"}"#;
        let (tenant, template) = ("a1".to_owned(), "https://id.example/{tenant}/v2.0".to_owned());
        let issuer = "https://id.example/a1/v2.0".to_owned();
        let exact = Name::Exact(issuer.clone());
        assert_eq!(jwks_uri(document, &exact).unwrap_err().0, Status::DISCOVERY_ISSUER_MISMATCH);
        let named = Name::Tenant { issuer, tenant, template };
        assert_eq!(jwks_uri(document, &named), Ok("u".into()));
        let other = br#"{"issuer":"https://id.example/{tenantid}/","jwks_uri":"u"}"#;
        assert_eq!(jwks_uri(other, &named).unwrap_err().0, Status::DISCOVERY_ISSUER_MISMATCH);
    }
}
