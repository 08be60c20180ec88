//! Just enough HTTP/1.1 over loopback TCP to POST an offer and DELETE a resource.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::Failure;

/// A finished response.
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Absolute URL of the `Location` header.
    pub location: Option<String>,
    /// The body.
    pub body: String,
}

/// Sends one request on a connection of its own and reads to its end.
pub fn request(
    method: &str,
    url: &str,
    token: Option<&str>,
    content_type: &str,
    body: &str,
) -> Result<Response, Failure> {
    let rest = url
        .strip_prefix("http://")
        .ok_or_else(|| format!("not an http url: {url}"))?;
    let (authority, path) = rest
        .split_once('/')
        .ok_or_else(|| format!("url without path: {url}"))?;
    let mut connection = TcpStream::connect(authority)?;
    connection.set_read_timeout(Some(Duration::from_secs(20)))?;
    let authorization = token
        .map(|token| format!("Authorization: Bearer {token}\r\n"))
        .unwrap_or_default();
    let length = body.len();
    write!(
        connection,
        "{method} /{path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n{authorization}\
         Content-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
    )?;
    let mut text = Vec::new();
    connection.read_to_end(&mut text)?;
    let text = String::from_utf8(text)?;
    let (head, body) = text
        .split_once("\r\n\r\n")
        .ok_or("http response without end of headers")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|word| word.parse().ok())
        .ok_or("http response without status")?;
    let location = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("location"))
        .map(|(_, value)| absolute(authority, value.trim()));
    Ok(Response {
        status,
        location,
        body: body.to_owned(),
    })
}

/// POSTs an offer; the answer and the resource.
pub fn post_offer(
    url: &str,
    token: Option<&str>,
    offer: &str,
) -> Result<(String, Option<String>), Failure> {
    let response = request("POST", url, token, "application/sdp", offer)?;
    if response.status == 201 {
        Ok((response.body, response.location))
    } else {
        Err(format!("POST {url}: {} {}", response.status, response.body).into())
    }
}

fn absolute(authority: &str, location: &str) -> String {
    if location.starts_with("http://") {
        location.to_owned()
    } else {
        format!("http://{authority}{location}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    #[test]
    fn an_answer_and_its_resource_come_back() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let server = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut seen = [0; 1024];
            let len = connection.read(&mut seen).unwrap();
            let answer = "HTTP/1.1 201 Created\r\nlocation: /whep/r/1\r\n\r\nv=0";
            connection.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&seen[..len]).into_owned()
        });
        let url = format!("http://{authority}/whep/r");
        let (answer, resource) = post_offer(&url, Some("t"), "offer").unwrap();
        assert_eq!(
            (answer.as_str(), resource),
            ("v=0", Some(format!("{url}/1")))
        );
        let seen = server.join().unwrap();
        assert!(
            seen.starts_with("POST /whep/r HTTP/1.1\r\n")
                && seen.contains("Authorization: Bearer t\r\n")
        );
    }
}
