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
