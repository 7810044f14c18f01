//! The way to the provider.

use auth::keys::connect::is_forbidden;
use auth::keys::proxy::{Environment, Proxies};
use auth::keys::url::{PlainHttp, Url};
use auth::status::Status;
use std::sync::Arc;

use crate::net::{self, listen, refused, signer, token};

/// AWS has more than one address in fd00:ec2::/32 (EKS Pod Identity hands out credentials at ::23);
/// Google's is fd20:ce::254.
#[test]
fn the_ipv6_addresses_of_metadata_services_are_not_asked() {
    for text in ["fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"] {
        assert!(is_forbidden(text.parse().unwrap()), "{text}");
    }
}

#[test]
fn no_proxy_excepts_blocks_of_ipv6_addresses() {
    let variable = |name: &str| match name {
        "HTTPS_PROXY" => Some("http://proxy:1".to_owned()),
        "NO_PROXY" => Some("fd00::/8".to_owned()),
        _ => None,
    };
    let proxies = Proxies::Environment(Arc::new(Environment::read(variable)));
    let hop = |text| {
        let target = Url::parse(text, PlainHttp::Always).unwrap();
        proxies.for_target(&target).unwrap().map(|hop| hop.name)
    };
    assert_eq!(hop("https://[2001:db8::1]"), Some("HTTPS_PROXY"));
    assert_eq!(hop("https://[fd00::1]:8443"), None);
}

#[test]
fn a_proxy_that_hangs_up_is_told_in_a_sentence() {
    let closing = listen(|mut stream| net::read_head(&mut stream).map(drop));
    let proxy = format!("http://127.0.0.1:{closing}");
    let config = net::handle("https://id.invalid", &[("keys.proxy", &proxy)]);
    let token = token(&signer(), "https://id.invalid");
    let log = refused(&config, &token, Status::DISCOVERY_FAILED, &["`keys.proxy`"]);
    assert!(!log.contains("respond was the answer"), "{log}");
}
