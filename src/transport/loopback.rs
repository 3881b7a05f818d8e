//! A place on loopback for a server of ours: a port that is free, a password that only we know, and no proxy in
//! between.

use std::collections::BTreeMap;
use std::net::TcpListener;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};

use crate::error::{Code, Failure};

pub const USERNAME: &str = "opencode";

/// Not port 0: OpenCode then takes 4096 if it is free, where others look for an open server.
///
/// # Errors
/// When the system has none.
pub fn free_port() -> std::io::Result<u16> {
    TcpListener::bind(("127.0.0.1", 0))?.local_addr().map(|address| address.port())
}

/// # Errors
/// When the system gives no random numbers.
pub fn password() -> Result<String, Failure> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(Code::ServerStart, "the system gives no random numbers for a password")
            .cause(error.to_string())
    })?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// What OpenCode asks itself must not go through a proxy, with our password: loopback is left out of it.
pub fn spare_loopback(environment: &mut BTreeMap<String, String>) {
    const NAMES: [&str; 2] = ["NO_PROXY", "no_proxy"];
    const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "::1"];
    let is_proxy = |(name, value): (&String, &String)| {
        name.to_ascii_lowercase().ends_with("_proxy") && !value.is_empty()
    };
    if !environment.iter().any(is_proxy) {
        return;
    }
    let value = |name: &str| environment.get(name).filter(|value| !value.trim().is_empty()).cloned();
    let values = NAMES.map(value);
    let either = values.iter().flatten().next().cloned().unwrap_or_default();
    for (name, value) in NAMES.into_iter().zip(values) {
        let spared = value.unwrap_or_else(|| either.clone());
        let spares =
            |host: &str| spared.split(',').any(|entry| matches!(entry.trim(), "*") || entry.trim() == host);
        let missing: Vec<&str> = LOOPBACK.into_iter().filter(|host| !spares(host)).collect();
        let kept = Some(spared.as_str()).filter(|spared| !spared.is_empty());
        environment.insert(name.into(), kept.into_iter().chain(missing).collect::<Vec<_>>().join(","));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spared(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        let mut environment = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        spare_loopback(&mut environment);
        let is_no = |(name, _): &(String, String)| name.eq_ignore_ascii_case("no_proxy");
        environment.into_iter().filter(is_no).collect()
    }

    fn both(value: &str) -> Vec<(String, String)> {
        ["NO_PROXY", "no_proxy"].map(|name| (name.into(), value.into())).into()
    }

    #[test]
    fn loopback_goes_through_no_proxy_and_what_was_spared_stays_so() {
        let proxy = ("https_proxy", "http://proxy:8080");
        assert_eq!(spared(&[("PATH", "/bin")]), []);
        assert_eq!(spared(&[proxy]), both("127.0.0.1,localhost,::1"));
        assert_eq!(spared(&[proxy, ("NO_PROXY", "")]), both("127.0.0.1,localhost,::1"));
        assert_eq!(
            spared(&[proxy, ("no_proxy", "a.com, localhost")]),
            both("a.com, localhost,127.0.0.1,::1")
        );
        assert_eq!(spared(&[proxy, ("NO_PROXY", "*")]), both("*"));
        let two = spared(&[proxy, ("NO_PROXY", "a.com"), ("no_proxy", "b.com")]);
        assert!(two[0].1.starts_with("a.com,") && two[1].1.starts_with("b.com,"), "{two:?}");
    }
}
