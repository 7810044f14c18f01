//! Where a connection goes: names become addresses that may be asked, and no address that is dead
//! takes the time of those that answer.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    ConnectionDetails, Connector, NextTimeout, TcpConnector, Transport,
};

use super::url;
use crate::os;

/// Of one name: more are not looked at.
const ADDRESSES_MAX: usize = 16;
/// What each of several addresses gets before any of them gets more.
const FIRST_TRY_MS: u64 = 300;

/// Name resolution that gives only addresses which may be asked: what is checked here is what is
/// connected to, so a name cannot resolve to something else in between.
#[derive(Debug)]
pub struct Guarded {
    /// The target is plain http, and allowed as such on this machine alone.
    pub loopback_only: bool,
}

impl Resolver for Guarded {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().unwrap_or("");
        let default_port = if uri.scheme_str() == Some("https") { 443 } else { 80 };
        let found = lookup(host, uri.port_u16().unwrap_or(default_port), timeout)?;
        let mut addresses = self.empty();
        self.allowed(found).take(ADDRESSES_MAX).for_each(|address| addresses.push(address));
        if addresses.is_empty() {
            let why = "the host name resolves to addresses that are not asked: link-local, \
                       multicast, unspecified; for plain http all but loopback";
            return Err(io::Error::other(why).into());
        }
        Ok(addresses)
    }
}

impl Guarded {
    fn allowed(&self, found: Vec<SocketAddr>) -> impl Iterator<Item = SocketAddr> {
        let loopback_only = self.loopback_only;
        found.into_iter().filter(move |address| {
            !is_forbidden(address.ip()) && (!loopback_only || address.ip().is_loopback())
        })
    }
}

/// The system's resolver knows no timeout, and so a name is looked up on a thread of its own, which
/// ends when the answer comes. Where no thread can be had this one waits.
fn lookup(host: &str, port: u16, timeout: NextTimeout) -> Result<Vec<SocketAddr>, ureq::Error> {
    if let Some(address) = url::address(host) {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.to_owned();
    let resolve = move || {
        let found = (name.as_str(), port).to_socket_addrs();
        found
            .map(Iterator::collect)
            .map_err(|error| io::Error::other(format!("the host name cannot be resolved: {error}")))
    };
    let (tell, told) = mpsc::sync_channel(1);
    let asking = resolve.clone();
    let found = match os::spawn_quiet("libauth-dns", move || drop(tell.send(asking()))) {
        Err(_) => resolve(),
        Ok(_) => match told.recv_timeout(*timeout.after) {
            Ok(found) => found,
            Err(RecvTimeoutError::Timeout) => return Err(ureq::Error::Timeout(timeout.reason)),
            Err(RecvTimeoutError::Disconnected) => return Err(ureq::Error::HostNotFound),
        },
    };
    Ok(found?)
}

/// Connects to the first address that answers: each gets a short try, then those that were only
/// slow share what time is left.
#[derive(Debug)]
pub struct Rounds;

impl<In: Transport> Connector<In> for Rounds {
    type Out = <TcpConnector as Connector<In>>::Out;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        if chained.is_some() {
            // The way to a proxy is open already.
            return TcpConnector::default().connect(details, chained);
        }
        let start = os::boot_ms();
        let total = u64::try_from(details.timeout.after.as_millis()).unwrap_or(u64::MAX);
        let left = || total.saturating_sub(os::boot_ms().saturating_sub(start));
        let mut silent: Vec<SocketAddr> = details.addrs.iter().copied().collect();
        let mut refused = None;
        for round in [Round::First, Round::Last] {
            let count = silent.len();
            for (place, address) in std::mem::take(&mut silent).into_iter().enumerate() {
                let time = round.share(left(), count, place);
                match try_one(details, address, time) {
                    Ok(transport) => return Ok(transport),
                    Err(ureq::Error::Timeout(_)) => silent.push(address),
                    Err(error) => refused = Some(error),
                }
            }
        }
        match refused.filter(|_| silent.is_empty()) {
            Some(error) => Err(error),
            None => Err(ureq::Error::Timeout(details.timeout.reason)),
        }
    }
}

#[derive(Clone, Copy)]
enum Round {
    First,
    Last,
}

impl Round {
    /// Of so much time, for one of so many addresses.
    fn share(self, left_ms: u64, count: usize, place: usize) -> u64 {
        let part = |parts: usize| {
            let parts = u64::try_from(parts).unwrap_or(u64::MAX);
            left_ms.checked_div(parts).unwrap_or(left_ms)
        };
        match self {
            Round::First if count <= 1 => left_ms,
            Round::First => FIRST_TRY_MS.min(part(count.saturating_mul(2))),
            Round::Last => part(count.saturating_sub(place)),
        }
    }
}

fn try_one<In: Transport>(
    details: &ConnectionDetails,
    address: SocketAddr,
    time_ms: u64,
) -> Result<Option<<TcpConnector as Connector<In>>::Out>, ureq::Error> {
    if time_ms == 0 {
        return Err(ureq::Error::Timeout(details.timeout.reason));
    }
    let mut addrs = details.resolver.empty();
    addrs.push(address);
    let one = ConnectionDetails {
        uri: details.uri,
        addrs,
        config: details.config,
        request_level: details.request_level,
        resolver: details.resolver,
        now: (details.current_time)(),
        timeout: NextTimeout { after: Duration::from_millis(time_ms).into(), ..details.timeout },
        current_time: details.current_time.clone(),
        run_connector: details.run_connector.clone(),
        register_shutdown: details.register_shutdown.clone(),
    };
    TcpConnector::default().connect(&one, None::<In>)
}

/// Link-local (where clouds keep their credentials), multicast and "this network". Private ranges
/// are allowed: clusters live there.
pub fn is_forbidden(address: IpAddr) -> bool {
    const GOOGLE_METADATA_V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);
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
                // fd00:ec2::/32: Amazon's services for the machine itself.
                || ip.segments()[..2] == [0xfd00, 0xec2]
                || ip == GOOGLE_METADATA_V6
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
    fn the_address_that_was_checked_is_the_one_that_is_connected() {
        let found = || {
            let texts = ["169.254.169.254:443", "93.184.215.14:443", "127.0.0.1:443"];
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let kept = |loopback_only| {
            Guarded { loopback_only }.allowed(found()).map(|a| a.ip().to_string()).collect()
        };
        let (https, plain): (Vec<String>, Vec<String>) = (kept(false), kept(true));
        assert_eq!(https, ["93.184.215.14", "127.0.0.1"], "a good address does not admit others");
        assert_eq!(plain, ["127.0.0.1"]);
    }

    #[test]
    fn a_dead_address_leaves_time_for_the_others() {
        // The first of two: 300 ms of 5 s, then half of what is left, and the last has the rest.
        assert_eq!(Round::First.share(5_000, 2, 0), 300);
        assert_eq!(Round::First.share(4_700, 2, 1), 300);
        assert_eq!(Round::Last.share(4_400, 2, 0), 2_200);
        assert_eq!(Round::Last.share(2_200, 2, 1), 2_200);
        assert_eq!(Round::First.share(5_000, 1, 0), 5_000, "alone it has all");
        assert_eq!(Round::First.share(800, 2, 0), 200, "half is kept for the second round");
    }
}
