//! HTTP beside the media loop: a few threads that POST offers and DELETE resources, and wake the loop with what came back.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::http::{self, Created};

/// What the threads are asked for.
enum Errand {
    Post { ticket: u64, offer: String },
    Delete { resource: String },
}

/// A POST that was answered, or not.
pub struct Answered {
    /// As given to [`Poster::post`].
    pub ticket: u64,
    /// When the POST began.
    pub started: Instant,
    /// How long the answer took.
    pub took: Duration,
    /// The answer, or what went wrong.
    pub outcome: Result<Created, String>,
}

/// The threads.
pub struct Poster {
    errands: Option<Sender<Errand>>,
    answers: Receiver<Answered>,
    threads: Vec<JoinHandle<()>>,
    /// Readable when an answer waits.
    pub bell: UnixDatagram,
}

impl Poster {
    /// `parallel` threads for one endpoint.
    pub fn new(url: &str, token: Option<&str>, parallel: usize) -> io::Result<Self> {
        let (errands, to_do) = mpsc::channel::<Errand>();
        let to_do = Arc::new(Mutex::new(to_do));
        let (to_loop, answers) = mpsc::channel();
        let (bell, rope) = UnixDatagram::pair()?;
        bell.set_nonblocking(true)?;
        rope.set_nonblocking(true)?;
        let threads = (0..parallel).map(|_| {
            let (to_do, to_loop) = (to_do.clone(), to_loop.clone());
            let (url, token) = (url.to_owned(), token.map(str::to_owned));
            let rope = rope.try_clone()?;
            Ok(thread::spawn(move || {
                loop {
                    let Ok(errand) = to_do.lock().map(|queue| queue.recv()) else {
                        return;
                    };
                    let Ok(errand) = errand else { return };
                    if let Some(answered) = run(errand, &url, token.as_deref()) {
                        if to_loop.send(answered).is_err() {
                            return;
                        }
                        // A full queue has rung already.
                        drop(rope.send(&[1]));
                    }
                }
            }))
        });
        Ok(Self {
            errands: Some(errands),
            answers,
            threads: threads.collect::<io::Result<_>>()?,
            bell,
        })
    }

    /// Queues a POST.
    pub fn post(&self, ticket: u64, offer: String) {
        self.queue(Errand::Post { ticket, offer });
    }

    /// Queues a DELETE; what goes wrong with it is a remark.
    pub fn delete(&self, resource: String) {
        self.queue(Errand::Delete { resource });
    }

    fn queue(&self, errand: Errand) {
        if let Some(errands) = &self.errands {
            // The threads outlive the sender.
            drop(errands.send(errand));
        }
    }

    /// The next answer, if one waits.
    pub fn answer(&self) -> Option<Answered> {
        let mut ring = [0; 1];
        while self.bell.recv(&mut ring).is_ok() {}
        self.answers.try_recv().ok()
    }

    /// Waits until everything queued is done.
    pub fn finish(mut self) {
        self.errands = None;
        for thread in self.threads.drain(..) {
            drop(thread.join());
        }
    }
}

fn run(errand: Errand, url: &str, token: Option<&str>) -> Option<Answered> {
    match errand {
        Errand::Post { ticket, offer } => {
            let started = Instant::now();
            let outcome = http::post_offer(url, token, &offer).map_err(|error| error.to_string());
            Some(Answered {
                ticket,
                started,
                took: started.elapsed(),
                outcome,
            })
        }
        Errand::Delete { resource } => {
            match http::request("DELETE", &resource, token, "text/plain", "") {
                // 404: the server gave it up before, which is what was wanted.
                Ok(response) if response.status < 300 || response.status == 404 => {}
                Ok(response) => eprintln!("DELETE {resource}: {}", response.status),
                Err(error) => eprintln!("DELETE {resource}: {error}"),
            }
            None
        }
    }
}
