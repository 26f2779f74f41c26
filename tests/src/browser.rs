//! Owns HTTP as a browser speaks it to the hub's page: no redirects taken behind the test's back.
//! Takes paths and form fields; gives status, location and body as they came.
//! Must never add what a browser would not send, nor leave out the Origin of a form.

use std::time::Duration;

use ureq::Agent;
use ureq::http::Response;

use crate::error::SiteError;

const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// One answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// Where a redirect points.
    pub location: Option<String>,
    /// The body as text.
    pub body: String,
}

/// A browser window at the hub's address.
#[derive(Clone, Debug)]
pub struct Browser {
    agent: Agent,
    base: String,
    origin: String,
    host: Option<String>,
    key: Option<String>,
}

impl Browser {
    /// A browser that has opened `http://127.0.0.1:<port>`.
    pub fn at(port: u16) -> Browser {
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .timeout_global(Some(ANSWER_WITHIN))
            .build()
            .new_agent();
        let base = format!("http://127.0.0.1:{port}");
        Browser { agent, origin: base.clone(), base, host: None, key: None }
    }

    /// The same browser on a page of another origin, as a hostile site's form would be sent.
    #[must_use]
    pub fn from_origin(&self, origin: &str) -> Browser {
        Browser { origin: origin.to_owned(), ..self.clone() }
    }

    /// The same browser, which believes that the hub has another name.
    #[must_use]
    pub fn calling_it(&self, host: &str) -> Browser {
        Browser { host: Some(host.to_owned()), ..self.clone() }
    }

    /// The same as a program that shows a key of the API.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Browser {
        Browser { key: Some(format!("Bearer {key}")), ..self.clone() }
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// Opens a page.
    ///
    /// # Errors
    /// When no answer came at all.
    pub fn get(&self, path: &str) -> Result<Page, SiteError> {
        let url = self.url(path);
        let mut request = self.agent.get(&url);
        if let Some(host) = &self.host {
            request = request.header("Host", host);
        }
        if let Some(key) = &self.key {
            request = request.header("Authorization", key);
        }
        read(request.call(), &url)
    }

    /// Sends a form, url-encoded.
    ///
    /// # Errors
    /// When no answer came at all.
    pub fn post(&self, path: &str, fields: &[(&str, &str)]) -> Result<Page, SiteError> {
        let url = self.url(path);
        let mut request = self.agent.post(&url).header("Origin", &self.origin);
        if let Some(host) = &self.host {
            request = request.header("Host", host);
        }
        read(request.send_form(fields.iter().copied()), &url)
    }

    /// Sends a form and opens the page that the answer points to, as a browser does after 303.
    ///
    /// # Errors
    /// When an answer did not come, or the redirect leads off the hub.
    pub fn submit(&self, path: &str, fields: &[(&str, &str)]) -> Result<(Page, Option<Page>), SiteError> {
        let answer = self.post(path, fields)?;
        let Some(location) = answer.location.as_deref().filter(|_| answer.status == 303) else {
            return Ok((answer, None));
        };
        let next = location.strip_prefix(&self.base).unwrap_or(location);
        if !next.starts_with('/') || next.starts_with("//") {
            return Err(SiteError::Unexpected(format!("the form at {path} leads off to {location}")));
        }
        let opened = self.get(next)?;
        Ok((answer, Some(opened)))
    }
}

fn read(answer: Result<Response<ureq::Body>, ureq::Error>, url: &str) -> Result<Page, SiteError> {
    let failed = |source| SiteError::Http { url: url.to_owned(), source: Box::new(source) };
    let mut response = answer.map_err(failed)?;
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    let location = location.map(str::to_owned);
    let body = response.body_mut().read_to_string().map_err(failed)?;
    Ok(Page { status: response.status().as_u16(), location, body })
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    use super::*;

    /// Answers one request per given answer, each on its own connection; gives the requests' texts.
    fn server(answers: Vec<&'static str>) -> (u16, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let thread = thread::spawn(move || {
            answers
                .into_iter()
                .map(|answer| {
                    let (mut stream, _) = listener.accept().unwrap();
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    let mut request = String::new();
                    let mut length = 0;
                    loop {
                        let mut line = String::new();
                        reader.read_line(&mut line).unwrap();
                        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
                            length = value.trim().parse().unwrap();
                        }
                        request.push_str(&line);
                        if line == "\r\n" {
                            break;
                        }
                    }
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).unwrap();
                    request.push_str(&String::from_utf8(body).unwrap());
                    stream.write_all(answer.as_bytes()).unwrap();
                    request
                })
                .collect()
        });
        (port, thread)
    }

    const SEE_OTHER: &str =
        "HTTP/1.1 303 See Other\r\nLocation: /\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    const HOME: &str = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhome";
    const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno";

    #[test]
    fn a_submitted_form_is_urlencoded_with_its_origin_and_the_redirect_is_opened() {
        let (port, requests) = server(vec![SEE_OTHER, HOME]);
        let fields = [("person", "maria"), ("pin", "2&4 6")];
        let (answer, opened) = Browser::at(port).submit("/alarms/x/acknowledge", &fields).unwrap();
        assert_eq!((answer.status, opened.unwrap().body.as_str()), (303, "home"));
        let requests = requests.join().unwrap();
        let form = requests[0].to_lowercase();
        assert!(form.starts_with("post /alarms/x/acknowledge http/1.1\r\n"), "{form}");
        assert!(form.contains(&format!("\r\norigin: http://127.0.0.1:{port}\r\n")), "{form}");
        assert!(form.contains("\r\ncontent-type: application/x-www-form-urlencoded\r\n"), "{form}");
        assert!(form.ends_with("person=maria&pin=2%264+6") || form.ends_with("pin=2%264%206"), "{form}");
        assert!(requests[1].starts_with("GET / HTTP/1.1\r\n"));
    }

    #[test]
    fn a_refusal_is_an_answer_and_not_an_error() {
        let (port, _requests) = server(vec![REFUSED]);
        let page = Browser::at(port).post("/", &[]).unwrap();
        assert_eq!((page.status, page.body.as_str()), (403, "no"));
    }

    #[test]
    fn a_foreign_origin_and_another_host_are_sent_as_told() {
        let (port, requests) = server(vec![REFUSED]);
        let browser = Browser::at(port).from_origin("http://evil.example").calling_it("hub.evil.example");
        browser.post("/", &[]).unwrap();
        let request = requests.join().unwrap().remove(0).to_lowercase();
        assert!(request.contains("\r\norigin: http://evil.example\r\n"), "{request}");
        assert!(request.contains("\r\nhost: hub.evil.example\r\n"), "{request}");
        assert_eq!(request.matches("\r\nhost:").count(), 1, "{request}");
    }
}
