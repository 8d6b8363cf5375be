//! An address that gets each message as a JSON body.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::blocking::Client;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use serde_json::Value;
use url::Url;
use xxhash_rust::xxh64::xxh64;

use super::{Destination, Refusal};

/// How long a connection may take, and a whole request.
const CONNECT: Duration = Duration::from_secs(5);
const REQUEST: Duration = Duration::from_secs(15);

/// An address of the web.
pub struct Http {
    url: Url,
    key: Option<String>,
    at_most: Duration,
    /// Made by the thread that uses it, with the first message.
    client: Option<Client>,
}

impl Http {
    /// POST to a URL, and to no other one that it names; with a key it goes as `Authorization: Bearer`.
    pub const fn new(url: Url, key: Option<String>) -> Self {
        Self { url, key, at_most: REQUEST, client: None }
    }

    fn client(&mut self) -> reqwest::Result<Client> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let agent = concat!("feederscope/", env!("CARGO_PKG_VERSION"));
        let made = Client::builder()
            .user_agent(agent)
            .connect_timeout(CONNECT)
            .timeout(self.at_most)
            .redirect(Policy::none())
            .build()?;
        Ok(self.client.insert(made).clone())
    }
}

/// An error of the network, without the URL, which may hold a secret.
fn of_network(error: reqwest::Error) -> String {
    use std::error::Error as _;
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        if deeper.source().is_none() {
            text = format!("{text}: {deeper}");
        }
        cause = deeper.source();
    }
    text
}

impl Destination for Http {
    /// Scheme and host, and what tells it from others: paths and queries of such addresses are often secrets.
    fn name(&self) -> String {
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().map_or(String::new(), |port| format!(":{port}"));
        format!("{}://{host}{port} ({:08x})", self.url.scheme(), xxh64(self.url.as_str().as_bytes(), 0) as u32)
    }

    fn send(&mut self, messages: &[Value]) -> Result<(), Refusal> {
        let client = self.client().map_err(|error| Refusal::Never(of_network(error)))?;
        for message in messages {
            let mut request = client.post(self.url.clone()).header("content-type", "application/json").body(message.to_string());
            if let Some(key) = &self.key {
                request = request.bearer_auth(key);
            }
            let answer = request.send().map_err(|error| {
                if error.is_builder() { Refusal::Never(of_network(error)) } else { Refusal::Later(of_network(error), None) }
            })?;
            let status = answer.status();
            let busy = status.is_server_error() || matches!(status, StatusCode::REQUEST_TIMEOUT | StatusCode::TOO_MANY_REQUESTS);
            if busy {
                let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
                return Err(Refusal::Later(status.to_string(), asked.map(Duration::from_secs)));
            }
            if !status.is_success() {
                return Err(Refusal::Never(status.to_string()));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn receiver_that_never_answers_is_tried_again_and_no_secret_of_its_address_is_told() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = Url::parse(&format!("http://{}/SECRET", listener.local_addr().unwrap())).unwrap();
        let gone = Url::parse("http://127.0.0.1:1/SECRET").unwrap();
        for url in [silent, gone] {
            let mut http = Http { at_most: Duration::from_millis(300), ..Http::new(url, None) };
            let begun = std::time::Instant::now();
            match http.send(&[Value::from(1)]) {
                Err(Refusal::Later(told, None)) => assert!(!told.contains("SECRET"), "{told}"),
                other => panic!("{other:?}"),
            }
            assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        }
    }

    #[test]
    fn name_tells_two_addresses_of_a_host_apart_and_holds_no_secret() {
        let name = |url: &str| Http::new(Url::parse(url).unwrap(), Some("key".into())).name();
        let one = name("https://user:word@hooks.example.org/services/T0/SECRET?token=SECRET");
        assert!(one.starts_with("https://hooks.example.org ("), "{one}");
        assert!(!one.contains("SECRET") && !one.contains("word") && !one.contains("user"), "{one}");
        assert_ne!(one, name("https://hooks.example.org/services/T0/OTHER"));
        assert!(name("http://127.0.0.1:8080/x").starts_with("http://127.0.0.1:8080 ("));
    }
}
