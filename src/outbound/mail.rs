//! Mail to people: what happens within a moment comes in one.

use std::time::Duration;

use lettre::message::{Mailbox, header::ContentType};
use lettre::{Message, SmtpTransport, Transport as _};
use serde_json::Value;

use super::{Destination, Refusal};

/// How long it is waited for what belongs to the same mail.
const GATHER: Duration = Duration::from_secs(2);
/// Lines of a mail; the console and the log have the others.
const MOST_LINES: usize = 100;
/// How long the server may take for an answer.
const ANSWER: Duration = Duration::from_secs(30);

/// Somebody who gets mail.
pub struct Mail {
    server: SmtpTransport,
    host: String,
    from: Mailbox,
    to: Mailbox,
}

impl Mail {
    /// Mail by way of `smtp://HOST:PORT`, `smtps://USER:PASSWORD@HOST`, or `smtp://…?tls=required`.
    ///
    /// # Errors
    /// The URL is none of these.
    pub fn new(smtp: &str, from: Mailbox, to: Mailbox) -> Result<Self, String> {
        // The library's error would repeat the URL with its password.
        let wrong = || "the address of the mail server must be `smtp://HOST:PORT` or `smtps://USER:PASSWORD@HOST`".to_owned();
        let host = url::Url::parse(smtp).ok().and_then(|url| url.host_str().map(str::to_owned)).ok_or_else(wrong)?;
        let server = SmtpTransport::from_url(smtp).map_err(|_| wrong())?.timeout(Some(ANSWER)).build();
        Ok(Self { server, host, from, to })
    }

    fn message(&self, messages: &[Value]) -> Result<Message, lettre::error::Error> {
        let mail = Message::builder().from(self.from.clone()).to(self.to.clone()).subject(subject(messages));
        mail.header(ContentType::TEXT_PLAIN).body(body(messages))
    }
}

fn text_of(message: &Value) -> &str {
    message["text"].as_str().unwrap_or_default()
}

fn subject(messages: &[Value]) -> String {
    let environment = messages.first().and_then(|message| message["environment"].as_str()).unwrap_or_default();
    match messages {
        [only] => format!("feederscope {environment}: {}", text_of(only).split("; next: ").next().unwrap_or_default()),
        many => format!("feederscope {environment}: {} changes", many.len()),
    }
}

fn body(messages: &[Value]) -> String {
    let mut lines: Vec<String> = messages.iter().take(MOST_LINES).map(|message| text_of(message).to_owned()).collect();
    if messages.len() > MOST_LINES {
        lines.push(format!("and {} more; `feederscope cases` lists what is open", messages.len() - MOST_LINES));
    }
    lines.push(String::new());
    lines.join("\n")
}

impl Destination for Mail {
    fn name(&self) -> String {
        format!("mail to {} by {}", self.to.email, self.host)
    }

    fn gathers(&self) -> (usize, Duration) {
        (usize::MAX, GATHER)
    }

    fn send(&mut self, messages: &[Value]) -> Result<(), Refusal> {
        let message = self.message(messages).map_err(|error| Refusal::Never(error.to_string()))?;
        match self.server.send(&message) {
            Ok(_) => Ok(()),
            Err(error) if error.is_permanent() => Err(Refusal::Never(error.to_string())),
            Err(error) => Err(Refusal::Later(error.to_string(), None)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_change_is_the_subject_and_many_are_counted() {
        let change = |text: &str| serde_json::json!({ "environment": "qa", "text": text });
        let one = [change("opened: 2022-10 utility1: late (to look at); next: ask")];
        assert_eq!(subject(&one), "feederscope qa: opened: 2022-10 utility1: late (to look at)");
        let many: Vec<Value> = (0..MOST_LINES + 3).map(|n| change(&format!("opened: {n}"))).collect();
        assert_eq!(subject(&many), "feederscope qa: 103 changes");
        assert_eq!(body(&many).lines().count(), MOST_LINES + 1);
        assert!(body(&many).ends_with("and 3 more; `feederscope cases` lists what is open\n"));
    }

    #[test]
    fn address_of_a_server_that_is_none_is_refused_without_its_password() {
        let me: Mailbox = "a@example.org".parse().unwrap();
        for wrong in ["mail.example.org", "http://u:SECRET@mail.example.org", "smtps://u:SECRET@"] {
            let error = Mail::new(wrong, me.clone(), me.clone()).err().unwrap_or_else(|| panic!("{wrong}"));
            assert!(error.contains("smtp://HOST:PORT") && !error.contains("SECRET"), "{error}");
        }
    }

    /// A server that answers the name of whoever gets the mail with this.
    fn server(answer: &'static str) -> String {
        use std::io::{BufRead as _, Write as _};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let lines = std::io::BufReader::new(stream.try_clone().unwrap()).lines();
                let _ = stream.write_all(b"220 test\r\n");
                for line in lines.map_while(Result::ok) {
                    let said = if line.starts_with("RCPT") { answer } else { "250 ok" };
                    let _ = stream.write_all(format!("{said}\r\n").as_bytes());
                }
            }
        });
        format!("smtp://{address}")
    }

    #[test]
    fn server_that_says_never_is_not_asked_again_and_one_that_says_later_is() {
        let me: Mailbox = "a@example.org".parse().unwrap();
        let send = |answer| Mail::new(&server(answer), me.clone(), me.clone()).unwrap().send(&[Value::from("x")]);
        assert!(matches!(send("550 nobody of that name"), Err(Refusal::Never(_))));
        assert!(matches!(send("450 busy"), Err(Refusal::Later(_, None))));
        let mut nobody = Mail::new("smtp://127.0.0.1:1", me.clone(), me.clone()).unwrap();
        assert!(matches!(nobody.send(&[Value::from("x")]), Err(Refusal::Later(..))));
    }
}
