use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use proptest::prelude::*;
use tollgate::egress::{Egress, EgressRules};
use tollgate::model::target::{Authority, Host};

use super::{Script, allowing, at, authority, forbidden, ip, resolve};

/// One of each registry entry, borders included.
const CLOSED: &str = "\
    0.0.0.0 0.1.2.3 10.0.0.0 10.255.255.255 100.64.0.0 100.127.255.255 100.100.100.200 \
    127.0.0.1 127.255.255.254 168.63.129.16 169.254.0.1 169.254.169.254 169.254.170.2 \
    172.16.0.1 172.31.255.255 192.0.0.1 192.0.0.192 192.0.2.1 192.88.99.1 192.168.0.0 \
    192.168.255.255 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.255 224.0.0.1 \
    239.255.255.255 240.0.0.1 255.255.255.255 :: ::1 ::2 ::7f00:1 ::ffff:127.0.0.1 \
    ::ffff:8.8.8.8 ::ffff:a9fe:a9fe ::ffff:0:7f00:1 ::8.8.8.8 64:ff9b::a9fe:a9fe \
    64:ff9b::7f00:1 64:ff9b::a00:1 64:ff9b:1::808:808 64:ff9b:1:ffff::1 100::1 \
    100:0:0:1::1 2001::1 2001:0:4136:e378:8000:63bf:3fff:fdd2 2001:2::1 2001:10::1 \
    2001:20::1 2001:1ff:ffff::1 2001:db8::1 2002::1 2002:a9fe:a9fe:: 2002:808:808::1 \
    3fff::1 3fff:fff:ffff::1 5f00::1 fc00::1 fd00:ec2::254 fd20:ce::254 fdff::1 fe80::1 \
    febf::1 fec0::1 ff02::1 ff0e::1 4000::1 e000::1";

const OPEN: &str = "\
    1.1.1.1 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 \
    140.82.112.5 168.63.129.15 169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 \
    192.0.1.0 192.31.196.1 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 \
    223.255.255.255 2000::1 2001:200::1 2001:4860:4860::8888 2606:4700:4700::1111 \
    2620:4f:8000::1 2a00:1450:4001::1 3ffe:ffff::1 64:ff9b::808:808";

#[tokio::test]
async fn special_addresses_are_refused_as_literals_and_behind_names() {
    for address in CLOSED.split_whitespace() {
        let literal = Authority {
            host: Host::Ip(ip(address)),
            port: 443,
        };
        let egress = Egress::new(EgressRules::default(), Script::always(&[address]));
        assert!(
            forbidden(&egress.resolve(&literal).await),
            "{address} as a literal"
        );
        assert!(
            forbidden(&egress.resolve(&authority("evil.example")).await),
            "{address} behind a name"
        );
        assert!(
            !egress.permits(
                &authority("evil.example"),
                SocketAddr::new(ip(address), 443)
            ),
            "{address} checked again"
        );
    }
}

#[tokio::test]
async fn global_unicast_addresses_pass() {
    for address in OPEN.split_whitespace() {
        let expected = vec![SocketAddr::new(ip(address), 443)];
        assert_eq!(
            resolve(EgressRules::default(), "api.example", &[address]).await,
            Ok(expected),
            "{address}"
        );
    }
}

#[tokio::test]
async fn no_spelling_of_a_special_address_gets_through() {
    let spellings = "[::ffff:a9fe:a9fe] [::ffff:169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::] [2002:7f00:1::] \
                     0x7f.1 2130706433 0177.0.0.1 127.1 0x7f000001 127.0.0.1. 169.254.169.254. localhost localhost. LOCALHOST \
                     foo.localhost [fe80::1%25eth0] [fe80::1%eth0] [::] [::1] [0:0:0:0:0:0:0:1] 0 0.0.0.0 ::1 \
                     168.63.129.16 metadata.google.internal 127.0.0.1.nip.io ①②⑦.0.0.1 [::127.0.0.1] 127.0.0.1%00.example";
    for spelling in spellings.split_whitespace() {
        for text in [spelling.to_owned(), format!("{spelling}:443")] {
            let Ok(target) = Authority::parse(&text, 443) else {
                continue;
            };
            let egress = Egress::new(
                EgressRules::default(),
                Script::always(&["127.0.0.1", "::1", "169.254.169.254"]),
            );
            assert!(forbidden(&egress.resolve(&target).await), "{text}");
        }
    }
}

/// An independent reading of "special": what the standard library can say on stable Rust.
fn known_special(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            ip.is_private()
                || ip.is_loopback()
                || ip.is_link_local()
                || ip.is_multicast()
                || ip.is_broadcast()
                || ip.is_unspecified()
                || ip.is_documentation()
                || matches!(ip.octets(), [0 | 240.., ..] | [100, 64..=127, ..])
        }
        IpAddr::V6(ip) => {
            let nat64 = ip.segments()[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
            let [.., a, b, c, d] = ip.octets();
            ip.segments()[0] >> 13 != 1
                && (!nat64 || known_special(IpAddr::V4(Ipv4Addr::new(a, b, c, d))))
                || ip.is_loopback()
                || ip.is_unspecified()
                || ip.is_multicast()
                || ip.is_unique_local()
                || ip.is_unicast_link_local()
                || ip.to_ipv4_mapped().is_some()
                || matches!(
                    ip.segments(),
                    [0x2002, ..] | [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x3fff, 0..=0xfff, ..]
                )
        }
    }
}

fn some_address() -> impl Strategy<Value = IpAddr> {
    let v4 = prop_oneof![
        any::<u32>(),
        (
            prop::sample::select(vec![
                0_u32, 10, 100, 127, 169, 172, 192, 198, 203, 224, 240, 255
            ]),
            0_u32..1 << 24
        )
            .prop_map(|(first, rest)| first << 24 | rest),
    ];
    let prefixes = vec![
        0_u128,
        0xffff << 32,
        0xffff_0000 << 32,
        0x64_ff9b << 96,
        0x64_ff9b_0001 << 80,
    ];
    let wrapped = (prop::sample::select(prefixes), any::<u32>())
        .prop_map(|(prefix, low)| prefix | u128::from(low));
    let tops = vec![
        0x2001_u128,
        0x2002,
        0x2a00,
        0x3fff,
        0x5f00,
        0xfc00,
        0xfe80,
        0xff02,
        0x100,
        0x4000,
    ];
    let topped =
        (prop::sample::select(tops), any::<u128>()).prop_map(|(top, rest)| top << 112 | rest >> 16);
    prop_oneof![
        v4.prop_map(|bits| IpAddr::V4(Ipv4Addr::from_bits(bits))),
        prop_oneof![any::<u128>(), wrapped, topped]
            .prop_map(|bits| IpAddr::V6(Ipv6Addr::from_bits(bits))),
    ]
}

proptest! {
    #[test]
    fn no_special_address_passes_without_a_rule(ip in some_address(), port in 1_u16..) {
        let egress = Egress::new(EgressRules::default(), Script::always(&[]));
        let target = Authority { host: Host::Ip(ip), port };
        prop_assert!(!(known_special(ip) && egress.permits(&target, SocketAddr::new(ip, port))));
    }

    #[test]
    fn no_rule_opens_an_own_listener(ip in some_address(), port in 1_u16..) {
        let own = vec![SocketAddr::new(ip, port)];
        let rules = [format!("0.0.0.0/0:{port}"), format!("[::/0]:{port}"), format!("{}:{port}", Host::Ip(ip))];
        let rules = EgressRules { own, ..allowing(&rules.each_ref().map(String::as_str)) };
        let egress = Egress::new(rules, Script::always(&[]));
        let target = Authority { host: Host::Ip(ip), port };
        prop_assert!(!egress.permits(&target, SocketAddr::new(ip, port)));
    }
}

#[tokio::test]
async fn own_listeners_stay_closed_whatever_is_allowed() {
    let check = async |own: &str, target: &str| {
        let own = vec![at(own)];
        let mut rules = EgressRules {
            own,
            ..allowing(&["0.0.0.0/0:7070", "[::/0]:7070", "self.example:7070"])
        };
        rules
            .resolve
            .insert(authority("fixed.example:7070"), vec![at(target)]);
        let egress = Egress::new(rules, Script::always(&[&at(target).ip().to_string()]));
        let literal = Authority {
            host: Host::Ip(at(target).ip()),
            port: 7070,
        };
        for asked in [
            literal,
            authority("self.example:7070"),
            authority("fixed.example:7070"),
        ] {
            assert!(
                forbidden(&egress.resolve(&asked).await),
                "{asked} at {target}, listening on {own:?}",
                own = egress
            );
        }
    };
    for target in [
        "127.0.0.1:7070",
        "127.9.9.9:7070",
        "[::1]:7070",
        "0.0.0.0:7070",
        "[::]:7070",
        "[::ffff:127.0.0.1]:7070",
    ] {
        for own in ["127.0.0.1:7070", "0.0.0.0:7070", "[::]:7070"] {
            check(own, target).await;
        }
    }
    check("10.1.2.3:7070", "10.1.2.3:7070").await;
    check("10.1.2.3:7070", "[::ffff:10.1.2.3]:7070").await;
    check("10.1.2.3:7070", "[64:ff9b::a01:203]:7070").await;
    check("[::ffff:10.1.2.3]:7070", "10.1.2.3:7070").await;
}

#[tokio::test]
async fn an_unspecified_listener_closes_every_address_of_this_machine() {
    // No packet is sent: connecting a datagram socket only chooses the address it would leave from.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").unwrap();
    let Ok(()) = socket.connect("192.0.2.1:9") else {
        return;
    };
    let here = socket.local_addr().unwrap().ip();
    let rules = EgressRules {
        own: vec![at("0.0.0.0:7070")],
        ..allowing(&["0.0.0.0/0:7070", "0.0.0.0/0:7071"])
    };
    let egress = Egress::new(rules, Script::always(&[]));
    assert!(!egress.permits(
        &Authority {
            host: Host::Ip(here),
            port: 7070
        },
        SocketAddr::new(here, 7070)
    ));
    assert!(egress.permits(
        &Authority {
            host: Host::Ip(here),
            port: 7071
        },
        SocketAddr::new(here, 7071)
    ));
    assert!(
        egress.permits(&authority("10.9.9.9:7070"), at("10.9.9.9:7070")),
        "another machine's port"
    );
}
