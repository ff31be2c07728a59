//! Tells whether an address is a globally reachable unicast address, after IANA's special-purpose registries.
//!
//! Written out because `IpAddr::is_global` is unstable. Where an address only carries an IPv4 address, that one is judged too.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{Ipv4Net, Ipv6Net};

/// How far an address reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Any host on the Internet.
    Global,
    /// Private, reserved, or a detour to some other address: closed unless a rule opens it.
    Special,
    /// Hands out the machine's own credentials: closed unless a rule names exactly this address.
    Metadata,
    /// No single host, or "this host": nothing opens it.
    Never,
}

const fn v4(a: u8, b: u8, c: u8, d: u8, length: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), length)
}

/// A network by its first 64 bits.
const fn v6(a: u16, b: u16, c: u16, d: u16, length: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0), length)
}

/// Addresses where clouds serve credentials or configuration of the machine.
const METADATA_V4: [Ipv4Net; 6] = [
    v4(169, 254, 169, 254, 32), // AWS, Azure, Google, OpenStack, DigitalOcean, Oracle
    v4(169, 254, 170, 2, 32),   // AWS ECS task roles
    v4(169, 254, 170, 23, 32),  // AWS EKS pod identity
    v4(168, 63, 129, 16, 32),   // Azure's wire server; outside every special range
    v4(100, 100, 100, 200, 32), // Alibaba Cloud
    v4(192, 0, 0, 192, 32),     // Oracle Cloud, classic
];

/// The same over IPv6.
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254), // AWS
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23),  // AWS EKS pod identity
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),  // Google Cloud
];

const NEVER_V4: [Ipv4Net; 3] = [
    v4(0, 0, 0, 0, 8), // "this network": RFC 791 section 3.2, RFC 1122 section 3.2.1.3
    v4(224, 0, 0, 0, 4), // multicast: RFC 5771
    v4(255, 255, 255, 255, 32), // limited broadcast: RFC 919 section 7, RFC 8190
];

/// Not globally reachable in the IPv4 registry. Left out, for they are: `192.31.196.0/24` and
/// `192.175.48.0/24` (AS112, RFC 7535 and 7534), `192.52.193.0/24` (AMT, RFC 7450).
const SPECIAL_V4: [Ipv4Net; 13] = [
    v4(10, 0, 0, 0, 8),      // private: RFC 1918
    v4(100, 64, 0, 0, 10),   // shared address space: RFC 6598
    v4(127, 0, 0, 0, 8),     // loopback: RFC 1122 section 3.2.1.3
    v4(169, 254, 0, 0, 16),  // link-local: RFC 3927
    v4(172, 16, 0, 0, 12),   // private: RFC 1918
    v4(192, 0, 0, 0, 24), // protocol assignments: RFC 6890; two anycast addresses in it serve no HTTP
    v4(192, 0, 2, 0, 24), // documentation: RFC 5737
    v4(192, 88, 99, 0, 24), // 6to4 relay anycast, deprecated: RFC 7526
    v4(192, 168, 0, 0, 16), // private: RFC 1918
    v4(198, 18, 0, 0, 15), // benchmarking: RFC 2544
    v4(198, 51, 100, 0, 24), // documentation: RFC 5737
    v4(203, 0, 113, 0, 24), // documentation: RFC 5737
    v4(240, 0, 0, 0, 4),  // reserved: RFC 1112 section 4
];

/// All that IANA has handed out as global unicast (RFC 4291 section 2.4). Outside it lie loopback, unique local (RFC 4193),
/// link-local (RFC 4291), site-local (RFC 3879), discard-only (RFC 6666), dummy (RFC 9780), segment routing (RFC 9602) and
/// IPv4-translated addresses (RFC 2765).
const GLOBAL_V6: Ipv6Net = v6(0x2000, 0, 0, 0, 3);

/// The exceptions within it.
const SPECIAL_V6: [Ipv6Net; 4] = [
    v6(0x2001, 0, 0, 0, 23), // protocol assignments: RFC 2928; Teredo (RFC 4380), benchmarking (RFC 5180), ORCHID
    // (RFC 4843, 7343), DRIP (RFC 9374), anycast (RFC 7723, 8155, 9665), AMT (RFC 7450)
    v6(0x2001, 0xdb8, 0, 0, 32), // documentation: RFC 3849
    v6(0x2002, 0, 0, 0, 16),     // 6to4: RFC 3056
    v6(0x3fff, 0, 0, 0, 20),     // documentation: RFC 9637
];

const MULTICAST_V6: Ipv6Net = v6(0xff00, 0, 0, 0, 8); // RFC 4291 section 2.7
const NAT64: Ipv6Net = v6(0x64, 0xff9b, 0, 0, 96); // RFC 6052
const NAT64_LOCAL: Ipv6Net = v6(0x64, 0xff9b, 1, 0, 48); // RFC 8215
const TEREDO: Ipv6Net = v6(0x2001, 0, 0, 0, 32); // RFC 4380
const SIX_TO_FOUR: Ipv6Net = v6(0x2002, 0, 0, 0, 16); // RFC 3056

/// Returns how far an address reaches.
pub(super) fn reach(ip: IpAddr) -> Reach {
    match ip {
        IpAddr::V4(ip) => reach_v4(ip),
        IpAddr::V6(ip) => reach_v6(ip),
    }
}

/// Returns the IPv4 address that an IPv6 address stands for or leads to.
pub(super) fn embedded(ip: IpAddr) -> Option<Ipv4Addr> {
    let IpAddr::V6(ip) = ip else { return None };
    let [_, second, third, _, _, sixth, seventh, eighth] = ip.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    if SIX_TO_FOUR.contains(&ip) {
        return Some(join(second, third));
    }
    if TEREDO.contains(&ip) {
        // RFC 4380 section 4: the client's address, every bit inverted.
        return Some(join(!seventh, !eighth));
    }
    // `::a.b.c.d` (RFC 4291 section 2.5.5.1), `::ffff:a.b.c.d` (2.5.5.2), `::ffff:0:a.b.c.d` (RFC 2765 section 2.1).
    let [first, second, third, fourth, fifth, ..] = ip.segments();
    let low_form = matches!((fifth, sixth), (0, 0 | 0xffff) | (0xffff, 0))
        && [first, second, third, fourth] == [0; 4];
    let carried = low_form && !ip.is_loopback() && !ip.is_unspecified();
    (carried || NAT64.contains(&ip) || NAT64_LOCAL.contains(&ip)).then(|| join(seventh, eighth))
}

fn reach_v4(ip: Ipv4Addr) -> Reach {
    let within = |table: &[Ipv4Net]| table.iter().any(|network| network.contains(&ip));
    if within(&METADATA_V4) {
        Reach::Metadata
    } else if within(&NEVER_V4) {
        Reach::Never
    } else if within(&SPECIAL_V4) {
        Reach::Special
    } else {
        Reach::Global
    }
}

fn reach_v6(ip: Ipv6Addr) -> Reach {
    if METADATA_V6.contains(&ip) {
        return Reach::Metadata;
    }
    if ip.is_unspecified() || MULTICAST_V6.contains(&ip) {
        return Reach::Never;
    }
    match embedded(IpAddr::V6(ip)).map(reach_v4) {
        // A network with IPv6 only reaches all of IPv4 through this prefix, by DNS64; the registry calls it global.
        Some(Reach::Global) if NAT64.contains(&ip) => Reach::Global,
        Some(Reach::Global | Reach::Special) => Reach::Special,
        Some(closed @ (Reach::Metadata | Reach::Never)) => closed,
        None if GLOBAL_V6.contains(&ip)
            && !SPECIAL_V6.iter().any(|network| network.contains(&ip)) =>
        {
            Reach::Global
        }
        None => Reach::Special,
    }
}
