use insta::assert_snapshot;
use tollgate::egress::{AllowRule, EgressRules};

use super::{allowing, at, authority, forbidden, resolve};

#[tokio::test]
async fn a_name_opens_special_addresses_of_that_name_and_port_only() {
    let rules = || allowing(&["billing.corp:8443"]);
    let open = resolve(
        rules(),
        "billing.corp:8443",
        &["10.1.2.3", "fd00::1", "127.0.0.1"],
    )
    .await;
    assert_eq!(
        open,
        Ok(vec![
            at("10.1.2.3:8443"),
            at("[fd00::1]:8443"),
            at("127.0.0.1:8443")
        ])
    );
    assert!(
        resolve(rules(), "BILLING.corp.:8443", &["10.1.2.3"])
            .await
            .is_ok()
    );
    for other in [
        "billing.corp:443",
        "other.corp:8443",
        "a.billing.corp:8443",
        "10.1.2.3:8443",
    ] {
        assert!(
            forbidden(&resolve(rules(), other, &["10.1.2.3"]).await),
            "{other}"
        );
    }
}

#[tokio::test]
async fn a_network_opens_its_addresses_under_any_name() {
    let rules = || allowing(&["10.1.2.0/24:443", "[fd00::/8]:443", "192.168.0.7:443"]);
    for address in ["10.1.2.3", "fd12::1", "192.168.0.7"] {
        assert!(
            resolve(rules(), "any.corp", &[address]).await.is_ok(),
            "{address}"
        );
        assert!(
            forbidden(&resolve(rules(), "any.corp:444", &[address]).await),
            "{address} on another port"
        );
    }
    for address in ["10.1.3.1", "fc00::1", "192.168.0.8"] {
        assert!(
            forbidden(&resolve(rules(), "any.corp", &[address]).await),
            "{address}"
        );
    }
    assert!(resolve(rules(), "10.1.2.3", &[]).await.is_ok());
}

#[tokio::test]
async fn metadata_opens_only_by_its_own_address() {
    let wide = allowing(&[
        "169.254.0.0/16:80",
        "0.0.0.0/0:80",
        "meta.corp:80",
        "[::/0]:80",
        "[fd00::/8]:80",
    ]);
    for address in [
        "169.254.169.254",
        "168.63.129.16",
        "100.100.100.200",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
    ] {
        assert!(
            forbidden(&resolve(wide.clone(), "meta.corp:80", &[address]).await),
            "{address}"
        );
    }
    assert!(
        resolve(allowing(&["169.254.169.254:80"]), "169.254.169.254:80", &[])
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn nothing_opens_multicast_broadcast_and_the_unspecified_address() {
    let wide = allowing(&[
        "0.0.0.0/0:80",
        "[::/0]:80",
        "255.255.255.255:80",
        "0.0.0.0:80",
        "[::]:80",
        "cast.corp:80",
    ]);
    for address in [
        "224.0.0.1",
        "255.255.255.255",
        "0.0.0.0",
        "::",
        "ff02::1",
        "::ffff:0.0.0.0",
    ] {
        assert!(
            forbidden(&resolve(wide.clone(), "cast.corp:80", &[address]).await),
            "{address}"
        );
    }
}

#[tokio::test]
async fn a_fixed_address_wins_over_dns_and_is_allowed() {
    let mut rules = EgressRules::default();
    rules
        .resolve
        .insert(authority("api.github.com:443"), vec![at("127.0.0.1:9443")]);
    assert_eq!(
        resolve(rules.clone(), "api.github.com", &["140.82.112.5"]).await,
        Ok(vec![at("127.0.0.1:9443")])
    );
    assert_eq!(
        resolve(rules.clone(), "API.github.com.:443", &[]).await,
        Ok(vec![at("127.0.0.1:9443")])
    );
    let egress = tollgate::egress::Egress::new(rules, super::Script::always(&[]));
    assert!(egress.permits(&authority("api.github.com"), at("127.0.0.1:9443")));
    assert!(
        !egress.permits(&authority("api.github.com"), at("140.82.112.5:443")),
        "only the fixed address"
    );
    assert!(
        !egress.permits(&authority("api.gitlab.com"), at("127.0.0.1:9443")),
        "only for its authority"
    );
}

#[test]
fn rules_read_back_as_they_are_written() {
    for rule in [
        "billing.corp:8443",
        "10.1.2.0/24:443",
        "10.1.2.3/32:1",
        "[fd00::/8]:443",
        "[fd00::1/128]:65535",
        "localhost:3000",
    ] {
        assert_eq!(AllowRule::parse(rule).unwrap().to_string(), rule);
    }
    assert_eq!(
        AllowRule::parse("Billing.Corp.:443").unwrap().to_string(),
        "billing.corp:443"
    );
    assert_eq!(
        AllowRule::parse("[fd00::1]:443").unwrap().to_string(),
        "[fd00::1/128]:443"
    );
}

#[test]
fn a_bad_rule_says_what_is_wrong() {
    let bad = [
        "billing.corp",
        "",
        ":443",
        "*.corp:443",
        "https://billing.corp:443",
        "billing.corp:0",
        "billing.corp:65536",
        "billing.corp:+1",
        "billing.corp:",
        "10.1.2.3/24:443",
        "10.1.2.3/33:443",
        "fd00::1:443",
        "[fd00::1]",
        "fd00::/8:443",
        "[::ffff:10.0.0.0/104]:443",
        "0x7f.1:80",
        "bill\u{202e}ing:80",
        "user@corp:80",
        "a/b:80",
    ];
    let messages: Vec<String> = bad
        .iter()
        .map(|rule| AllowRule::parse(rule).unwrap_err().to_string())
        .collect();
    assert_snapshot!(messages.join("\n"), @r"
    `billing.corp` cannot be allowed: a port is missing, as in `billing.corp:8443`
    `` cannot be allowed: a port is missing, as in `billing.corp:8443`
    `:443` cannot be allowed: `` is not a host: a name has 1 to 253 characters
    `*.corp:443` cannot be allowed: patterns of names are not possible; list the names, or a network such as `10.1.2.0/24:443`
    `https://billing.corp:443` cannot be allowed: write `host:port`, without a scheme
    `billing.corp:0` cannot be allowed: the port is a number from 1 to 65535
    `billing.corp:65536` cannot be allowed: the port is a number from 1 to 65535
    `billing.corp:+1` cannot be allowed: the port is a number from 1 to 65535
    `billing.corp:` cannot be allowed: the port is a number from 1 to 65535
    `10.1.2.3/24:443` cannot be allowed: bits are set after the prefix; the network is `10.1.2.0/24`
    `10.1.2.3/33:443` cannot be allowed: it is not a network such as `10.1.2.0/24`
    `fd00::1:443` cannot be allowed: write an IPv6 address in brackets, as in `[fd00::1]:443`
    `[fd00::1]` cannot be allowed: a port is missing, as in `billing.corp:8443`
    `fd00::/8:443` cannot be allowed: write an IPv6 address in brackets, as in `[fd00::1]:443`
    `[::ffff:10.0.0.0/104]:443` cannot be allowed: write it as an IPv4 network; mapped addresses are not sent
    `0x7f.1:80` cannot be allowed: `0x7f.1` is not a host: its last label is a number, so resolvers may read it as an IPv4 address
    `bill\u{202e}ing:80` cannot be allowed: `bill\u{202e}ing` is not a host: labels are 1 to 63 letters, digits, `-` or `_`
    `user@corp:80` cannot be allowed: `user@corp` is not a host: labels are 1 to 63 letters, digits, `-` or `_`
    `a/b:80` cannot be allowed: it is not a network such as `10.1.2.0/24`
    ");
}
