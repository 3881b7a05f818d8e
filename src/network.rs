//! The way to a server: which hosts are this machine, and what goes through a proxy. Pure: the environment is
//! an argument.

use std::collections::BTreeMap;

use serde::Deserialize;
use url::Url;

/// What the environment says of the way to a server.
#[derive(Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Network {
    pub http_proxy: Option<String>,
    pub https_proxy: Option<String>,
    pub no_proxy: Option<String>,
    pub extra_ca_certs: Option<String>,
}

/// Addresses of proxies may hold passwords.
impl std::fmt::Debug for Network {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Network(redacted)")
    }
}

/// Whether `url` names this machine, in any of the ways in which the system takes it for its own.
pub fn is_loopback(url: &Url) -> bool {
    let is_ours = |address: std::net::Ipv4Addr| address.is_loopback() || address.is_unspecified();
    match url.host() {
        Some(url::Host::Domain(domain)) => {
            let name = domain.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost" || name.ends_with(".localhost")
        }
        Some(url::Host::Ipv4(address)) => is_ours(address),
        Some(url::Host::Ipv6(address)) => {
            address.is_loopback() || address.is_unspecified() || address.to_ipv4_mapped().is_some_and(is_ours)
        }
        None => false,
    }
}

/// OpenCode asks its own server, also with the password; where a proxy is set, loopback is to go past it.
pub fn go_past_proxies(environment: &mut BTreeMap<String, String>) {
    const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];
    const OURS: &str = "127.0.0.1,localhost,::1";
    let is_set = |name: &String| PROXIES.iter().any(|proxy| name.eq_ignore_ascii_case(proxy));
    if !environment.keys().any(is_set) {
        return;
    }
    let names: Vec<String> =
        environment.keys().filter(|name| name.eq_ignore_ascii_case("NO_PROXY")).cloned().collect();
    let inherited = names.iter().filter_map(|name| environment.get(name));
    let inherited = inherited.map(|list| list.trim()).find(|list| !list.is_empty()).map(str::to_owned);
    // Which of the two spellings counts differs by client.
    for name in ["NO_PROXY", "no_proxy"].map(str::to_owned).into_iter().chain(names) {
        let own = environment.get(&name).map(|list| list.trim().to_owned()).filter(|list| !list.is_empty());
        let list = match own.or_else(|| inherited.clone()) {
            Some(list) if list.contains(OURS) => list,
            Some(list) => format!("{list},{OURS}"),
            None => OURS.to_owned(),
        };
        environment.insert(name, list);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_known_by_all_its_names() {
        for host in [
            "127.0.0.1",
            "127.1.2.3",
            "127.1",
            "2130706433",
            "localhost",
            "LOCALHOST",
            "localhost.",
            "app.localhost",
            "app.localhost.",
            "0.0.0.0",
            "0",
            "[::1]",
            "[::]",
            "[::ffff:127.0.0.1]",
            "[::ffff:0.0.0.0]",
        ] {
            assert!(is_loopback(&Url::parse(&format!("http://{host}:4096")).unwrap()), "{host}");
        }
        for host in [
            "192.0.2.1",
            "example.com",
            "localhost.example.com",
            "notlocalhost",
            "[::2]",
            "[::ffff:192.0.2.1]",
        ] {
            assert!(!is_loopback(&Url::parse(&format!("http://{host}:4096")).unwrap()), "{host}");
        }
    }

    #[test]
    fn our_own_loopback_goes_past_every_proxy() {
        let read = |pairs: &[(&str, &str)]| {
            let mut environment =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            go_past_proxies(&mut environment);
            environment
        };
        assert_eq!(read(&[("PATH", "/bin")]).len(), 1);
        let none = read(&[("http_proxy", "http://proxy")]);
        assert_eq!(none["NO_PROXY"], "127.0.0.1,localhost,::1");
        assert_eq!(none["no_proxy"], none["NO_PROXY"]);
        let some = read(&[("HTTPS_PROXY", "http://proxy"), ("no_proxy", "intra.example")]);
        assert_eq!(some["no_proxy"], "intra.example,127.0.0.1,localhost,::1");
        assert_eq!(some["NO_PROXY"], some["no_proxy"]);
        let one = read(&[("HTTPS_PROXY", "http://proxy"), ("NO_PROXY", "intra.example"), ("no_proxy", " ")]);
        assert_eq!(one["no_proxy"], "intra.example,127.0.0.1,localhost,::1");
    }
}
