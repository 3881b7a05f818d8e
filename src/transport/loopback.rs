//! A place on loopback for a server of ours: a port that is free, and a password that only we know.

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
    random::<32>().map(|bytes| BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// An id that nobody else has or guesses, of letters and digits.
///
/// # Errors
/// When the system gives no random numbers.
pub fn random_id() -> Result<String, Failure> {
    random::<16>().map(|bytes| format!("{:032x}", u128::from_be_bytes(bytes)))
}

fn random<const LENGTH: usize>() -> Result<[u8; LENGTH], Failure> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| {
        Failure::new(Code::ServerStart, "the system gives no random numbers").cause(error.to_string())
    })?;
    Ok(bytes)
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
    // Which of the two spellings counts differs by client.
    for name in ["NO_PROXY", "no_proxy"].map(str::to_owned).into_iter().chain(names) {
        let known = environment.get(&name).or_else(|| environment.get("NO_PROXY")).cloned();
        let list = known.filter(|known| !known.trim().is_empty());
        if !list.as_deref().is_some_and(|list| list.contains(OURS)) {
            let list = list.map_or_else(|| OURS.to_owned(), |list| format!("{list},{OURS}"));
            environment.insert(name, list);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
