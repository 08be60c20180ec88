//! Just enough HTTP/1.1 over TCP for WHIP and WHEP: POST an offer, DELETE a resource. One connection a request, no TLS.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Failure;

/// How long a server may take to answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// A finished response.
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Header fields, names in lower case.
    headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

/// What a 201 says.
#[derive(Debug)]
pub struct Created {
    /// The answer.
    pub answer: String,
    /// Absolute URL of the resource.
    pub resource: Option<String>,
    /// Its entity tag, which a PATCH would have to name (RFC 9725 §4.3.1).
    pub etag: Option<String>,
}

impl Response {
    /// The first header field of a name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    fn parse(text: &[u8]) -> Result<Self, Failure> {
        let end = text
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .ok_or("http response without end of headers")?;
        let head = std::str::from_utf8(&text[..end])?;
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|word| word.parse().ok())
            .ok_or("http response without status")?;
        let fields = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut response = Self {
            status,
            headers: fields
                .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
                .collect(),
            body: String::new(),
        };
        let is_chunked = response
            .header("transfer-encoding")
            .is_some_and(|value| value.to_ascii_lowercase().ends_with("chunked"));
        let body = &text[end + 4..];
        response.body = if is_chunked {
            String::from_utf8(unchunked(body)?)?
        } else {
            String::from_utf8(body.to_vec())?
        };
        Ok(response)
    }

    /// One line on what went wrong: problem+json's code and detail if it is that, else the start of the body.
    fn complaint(&self) -> String {
        let problem = serde_json::from_str::<serde_json::Value>(&self.body).ok();
        let told = problem.map(|problem| {
            let word = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            format!("{} {}", word("code"), word("detail"))
        });
        let told = told.unwrap_or_else(|| self.body.chars().take(200).collect());
        let retry = self
            .header("retry-after")
            .map(|seconds| format!(" (Retry-After: {seconds})"));
        format!(
            "{} {}{}",
            self.status,
            told.trim(),
            retry.unwrap_or_default()
        )
    }
}

/// Sends one request and reads to the end of the connection.
pub fn request(
    method: &str,
    url: &str,
    token: Option<&str>,
    content_type: &str,
    body: &str,
) -> Result<Response, Failure> {
    let (authority, path) = split(url)?;
    let mut connection = TcpStream::connect(authority_with_port(authority))?;
    connection.set_nodelay(true)?;
    connection.set_read_timeout(Some(PATIENCE))?;
    let authorization = token
        .map(|token| format!("Authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    let length = body.len();
    let text = format!(
        "{method} {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{authorization}\
         Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    connection.write_all(text.as_bytes())?;
    let mut answer = Vec::new();
    connection.read_to_end(&mut answer)?;
    Response::parse(&answer)
}

/// POSTs an offer.
///
/// # Errors
/// Anything but a 201 fails with status, code and detail.
pub fn post_offer(url: &str, token: Option<&str>, offer: &str) -> Result<Created, Failure> {
    let response = request("POST", url, token, "application/sdp", offer)?;
    if response.status != 201 {
        return Err(format!("POST {url}: {}", response.complaint()).into());
    }
    let resource = response
        .header("location")
        .map(|reference| resolve(url, reference))
        .transpose()?;
    Ok(Created {
        resource,
        etag: response.header("etag").map(str::to_owned),
        answer: response.body,
    })
}

/// `(authority, path with query)` of an http URL.
fn split(url: &str) -> Result<(&str, &str), Failure> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("only http is spoken, not: {url}"))?;
    let at = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(at);
    Ok((authority, if path.is_empty() { "/" } else { path }))
}

fn authority_with_port(authority: &str) -> String {
    let host_end = authority.rfind(']').map_or(0, |at| at + 1);
    if authority[host_end..].contains(':') {
        authority.to_owned()
    } else {
        format!("{authority}:80")
    }
}

/// A reference against its base (RFC 3986 §5.2, without dot segments).
fn resolve(base: &str, reference: &str) -> Result<String, Failure> {
    let (authority, path) = split(base)?;
    Ok(if reference.contains("://") {
        reference.to_owned()
    } else if let Some(rest) = reference.strip_prefix("//") {
        format!("http://{rest}")
    } else if reference.starts_with('/') {
        format!("http://{authority}{reference}")
    } else {
        let path = path.split('?').next().unwrap_or(path);
        let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
        format!("http://{authority}{folder}{reference}")
    })
}

/// The content of a chunked body (RFC 9112 §7.1); trailers are left out.
fn unchunked(mut body: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    loop {
        let end = body
            .windows(2)
            .position(|window| window == b"\r\n")
            .ok_or("chunk without size")?;
        let size = std::str::from_utf8(&body[..end])?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        if size == 0 {
            return Ok(content);
        }
        let chunk = body
            .get(end + 2..end + 2 + size)
            .ok_or("chunk shorter than its size")?;
        content.extend_from_slice(chunk);
        body = body
            .get(end + 4 + size..)
            .ok_or("chunk without end of line")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread::{self, JoinHandle};

    fn one_answer(answer: &'static str) -> (String, JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/whep/r?x=1", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut seen = [0; 1024];
            let len = connection.read(&mut seen).unwrap();
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&seen[..len]).into_owned()
        });
        (url, server)
    }

    #[test]
    fn an_answer_its_resource_and_its_tag_come_back() {
        let (url, server) =
            one_answer("HTTP/1.1 201 Created\r\nlocation: /whep/r/1\r\nETag: \"t\"\r\n\r\nv=0");
        let created = post_offer(&url, Some("secret"), "offer").unwrap();
        assert_eq!(created.answer, "v=0");
        assert!(created.resource.unwrap().ends_with("/whep/r/1"));
        assert_eq!(created.etag.as_deref(), Some("\"t\""));
        let seen = server.join().unwrap();
        assert!(
            seen.starts_with("POST /whep/r?x=1 HTTP/1.1\r\n")
                && seen.contains("Authorization: Bearer secret\r\n")
        );
    }

    #[test]
    fn a_refusal_is_told_with_code_and_detail_but_without_the_token() {
        let (url, server) = one_answer(
            "HTTP/1.1 503 Busy\r\nRetry-After: 2\r\n\r\n{\"code\": \"node_full\", \"detail\": \"later\"}",
        );
        let told = post_offer(&url, Some("secret"), "offer")
            .unwrap_err()
            .to_string();
        assert!(
            told.ends_with("503 node_full later (Retry-After: 2)"),
            "{told}"
        );
        assert!(!told.contains("secret"));
        server.join().unwrap();
    }

    #[test]
    fn chunks_are_joined_and_a_cut_one_is_refused() {
        let (url, server) = one_answer(
            "HTTP/1.1 201 C\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nv=0\r\n2;x=y\r\n\r\n\r\n0\r\n\r\n",
        );
        assert_eq!(post_offer(&url, None, "offer").unwrap().answer, "v=0\r\n");
        server.join().unwrap();
        assert!(unchunked(b"5\r\nab\r\n").is_err() && unchunked(b"zz\r\n").is_err());
    }

    #[test]
    fn locations_are_resolved_against_the_endpoint() {
        let base = "http://h:1/a/whep?q=1";
        for (reference, want) in [
            ("http://x/y", "http://x/y"),
            ("//x/y", "http://x/y"),
            ("/y/1", "http://h:1/y/1"),
            ("s1", "http://h:1/a/s1"),
        ] {
            assert_eq!(resolve(base, reference).unwrap(), want);
        }
        assert_eq!(resolve("http://h:1", "s1").unwrap(), "http://h:1/s1");
        assert_eq!(authority_with_port("[::1]"), "[::1]:80");
        assert!(split("https://h/").is_err());
    }
}
