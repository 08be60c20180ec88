//! The media loop: one publisher and any number of viewers on one thread, on one core. Joins, leaves and kills; measures nothing.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use str0m::crypto::from_feature_flags;
use str0m::media::{Direction, MediaKind};

use crate::Failure;
use crate::agent::{Identity, Offering};
use crate::arguments::Arguments;
use crate::media::{PACKETS_PER_FRAME, Sizes};
use crate::poster::{Answered, Poster};
use crate::publisher::{Content, Pattern, Publisher};
use crate::random::Random;
use crate::system::{Batch, Epoll, pin_to_core};
use crate::viewer::{Manner, Viewer};

const PUBLISHER: usize = usize::MAX;
const BELL: usize = usize::MAX - 1;
const CONNECT_LIMIT: Duration = Duration::from_secs(30);
/// How often viewers' timers are looked at.
const TIMERS: Duration = Duration::from_millis(5);
/// Errors kept word for word.
const COMPLAINTS: usize = 5;

/// What happened to a join.
pub struct JoinOutcome {
    /// Index of the viewer, or `None` when it failed.
    pub viewer: Option<usize>,
    /// From the start of the POST to its answer.
    pub post: Duration,
    /// Whether the answer named its ICE session by an ETag (RFC 9725 §4.3.1).
    pub has_etag: bool,
}

/// Everything a run consists of.
pub struct Swarm {
    /// The sender, unless somebody else publishes.
    pub publisher: Option<Publisher>,
    /// By index; `None` where one left.
    pub viewers: Vec<Option<Viewer>>,
    /// The seeded chance of the run.
    pub random: Random,
    /// Joins that failed and viewers that broke.
    pub failed: u64,
    /// The first few reasons.
    pub complaints: Vec<String>,
    epoll: Epoll,
    batch: Batch,
    ready: Vec<usize>,
    poster: Poster,
    publish: Option<(String, Option<String>)>,
    identity: Identity,
    kinds: Vec<MediaKind>,
    manner: Manner,
    offerings: HashMap<u64, Offering>,
    next_ticket: u64,
    outcomes: Vec<JoinOutcome>,
    timers: Instant,
}

impl Swarm {
    /// Pins the thread, makes the publisher (if there is a WHIP URL) and waits until it is connected.
    pub fn open(arguments: &Arguments) -> Result<Self, Failure> {
        if let Some(core) = arguments.optional("core")? {
            pin_to_core(core)?;
        }
        let identity = Identity {
            bind: arguments
                .optional::<IpAddr>("bind")?
                .unwrap_or(IpAddr::from([127, 0, 0, 1])),
            certificate: from_feature_flags()
                .dtls_provider
                .generate_certificate()
                .ok_or("no certificate could be made")?,
        };
        let with_audio = arguments.is_yes("audio")?;
        let whip = arguments.optional::<String>("whip")?;
        let token = arguments.optional::<String>("publish-token")?;
        let watch_token = arguments.optional::<String>("watch-token")?;
        let poster = Poster::new(
            &arguments.required::<String>("whep")?,
            watch_token.as_deref(),
            arguments.optional("parallel")?.unwrap_or(4),
        )?;
        let content = content_of(arguments, None)?;
        let publisher = whip
            .as_deref()
            .map(|url| Publisher::join(&identity, url, token.as_deref(), content, with_audio))
            .transpose()?;
        let epoll = Epoll::new()?;
        epoll.add(&poster.bell, BELL)?;
        if let Some(publisher) = &publisher {
            epoll.add(&publisher.agent.socket, PUBLISHER)?;
        }
        let mut kinds = vec![MediaKind::Video];
        if with_audio {
            kinds.push(MediaKind::Audio);
        }
        let mut swarm = Self {
            viewers: Vec::new(),
            random: Random::new(arguments.optional("seed")?.unwrap_or(1)),
            failed: 0,
            complaints: Vec::new(),
            epoll,
            batch: Batch::new(),
            ready: Vec::new(),
            poster,
            identity,
            kinds,
            manner: Manner {
                sample_every: arguments.optional("sample-every")?.unwrap_or(64),
                drop_share: arguments.optional("drop-share")?.unwrap_or(0.0),
                least_packets_a_frame: publisher.as_ref().map_or(1, |_| PACKETS_PER_FRAME),
            },
            publish: whip.map(|url| (url, token)),
            publisher,
            offerings: HashMap::new(),
            next_ticket: 0,
            outcomes: Vec::new(),
            timers: Instant::now(),
        };
        let is_connected = |swarm: &Self| {
            swarm
                .publisher
                .as_ref()
                .is_none_or(|publisher| publisher.agent.connected)
        };
        swarm.run_until(Instant::now() + CONNECT_LIMIT, |swarm| is_connected(swarm))?;
        if !is_connected(&swarm) {
            return Err("the publisher does not get connected".into());
        }
        Ok(swarm)
    }

    /// Moves media until `done` or `limit`.
    pub fn run_until(
        &mut self,
        limit: Instant,
        mut done: impl FnMut(&mut Self) -> bool,
    ) -> Result<(), Failure> {
        loop {
            let now = Instant::now();
            if done(self) || now >= limit {
                return Ok(());
            }
            if let Some(publisher) = &mut self.publisher {
                publisher.tick(now)?;
            }
            if now >= self.timers {
                self.drive_timers(now);
                self.timers = now + TIMERS;
            }
            let media = self.publisher.as_ref().map_or(limit, Publisher::next);
            let wake = media.min(limit).min(self.timers);
            self.ready.clear();
            self.epoll.wait(
                wake.saturating_duration_since(Instant::now()),
                &mut self.ready,
            )?;
            self.read_ready()?;
        }
    }

    fn drive_timers(&mut self, now: Instant) {
        for index in 0..self.viewers.len() {
            if let Some(viewer) = &mut self.viewers[index] {
                if now >= viewer.agent.next {
                    let driven = viewer.drive(now);
                    self.keep(index, driven);
                }
            }
        }
    }

    fn read_ready(&mut self) -> Result<(), Failure> {
        let ready = std::mem::take(&mut self.ready);
        for token in &ready {
            let now = Instant::now();
            match *token {
                PUBLISHER => self.read_publisher(now)?,
                BELL => {
                    while let Some(answered) = self.poster.answer() {
                        self.admit(answered);
                    }
                }
                index => {
                    if let Some(Some(viewer)) = self.viewers.get_mut(index) {
                        let outcome = viewer.read(now, &mut self.batch);
                        self.keep(index, outcome);
                    }
                }
            }
        }
        self.ready = ready;
        Ok(())
    }

    fn read_publisher(&mut self, now: Instant) -> Result<(), Failure> {
        let Some(publisher) = &mut self.publisher else {
            return Ok(());
        };
        let mut may_have_more = true;
        while may_have_more {
            may_have_more = self.batch.receive(&publisher.agent.socket)?;
            for datagram in self.batch.datagrams() {
                publisher.agent.receive(now, datagram)?;
                publisher.tick(now)?;
            }
        }
        Ok(())
    }

    /// A viewer that broke is out, and counted; the others go on.
    fn keep(&mut self, index: usize, outcome: Result<(), Failure>) {
        if let Err(error) = outcome {
            self.viewers[index] = None;
            self.complain(error.to_string());
        }
    }

    fn complain(&mut self, complaint: String) {
        self.failed += 1;
        if self.complaints.len() < COMPLAINTS {
            eprintln!("{complaint}");
            self.complaints.push(complaint);
        }
    }

    /// Begins a join; how it went comes out of [`Self::outcomes`].
    pub fn begin_join(&mut self) -> Result<(), Failure> {
        let offering = Offering::new(&self.identity, &self.kinds, Direction::RecvOnly)?;
        self.poster.post(self.next_ticket, offering.sdp.clone());
        self.offerings.insert(self.next_ticket, offering);
        self.next_ticket += 1;
        Ok(())
    }

    /// Waits for the answers of all joins that are under way: who is not there yet could not leave.
    pub fn finish_joins(&mut self) -> Result<(), Failure> {
        let limit = Instant::now() + CONNECT_LIMIT;
        self.run_until(limit, |swarm| swarm.offerings.is_empty())
    }

    /// The joins answered since the last call.
    pub fn outcomes(&mut self) -> Vec<JoinOutcome> {
        std::mem::take(&mut self.outcomes)
    }

    fn admit(&mut self, answered: Answered) {
        let Some(offering) = self.offerings.remove(&answered.ticket) else {
            return;
        };
        let (started, post) = (answered.started, answered.took);
        let has_etag = answered
            .outcome
            .as_ref()
            .is_ok_and(|created| created.etag.is_some());
        let viewer = match self.try_admit(offering, answered.outcome, started) {
            Ok(index) => Some(index),
            Err(error) => {
                self.complain(error.to_string());
                None
            }
        };
        self.outcomes.push(JoinOutcome {
            viewer,
            post,
            has_etag,
        });
    }

    fn try_admit(
        &mut self,
        offering: Offering,
        outcome: Result<crate::http::Created, String>,
        started: Instant,
    ) -> Result<usize, Failure> {
        let created = outcome?;
        let agent = offering.accept(&created.answer)?;
        let free = self.viewers.iter().position(Option::is_none);
        let index = free.unwrap_or_else(|| {
            self.viewers.push(None);
            self.viewers.len() - 1
        });
        self.epoll.add(&agent.socket, index)?;
        let chance = self.random.bits();
        self.viewers[index] = Some(Viewer::new(
            agent,
            &created.answer,
            created.resource,
            started,
            self.manner,
            chance,
        ));
        Ok(index)
    }

    /// Ends a viewer with a DELETE.
    pub fn leave(&mut self, index: usize) {
        if let Some(resource) = self.kill(index).and_then(|viewer| viewer.resource) {
            self.poster.delete(resource);
        }
    }

    /// Ends a viewer as a crash would: without a word.
    pub fn kill(&mut self, index: usize) -> Option<Viewer> {
        self.viewers.get_mut(index)?.take()
    }

    /// Those who are there.
    pub fn present(&self) -> impl Iterator<Item = &Viewer> {
        self.viewers.iter().flatten()
    }

    /// Everyone leaves, the publisher last.
    pub fn close(mut self) {
        for index in 0..self.viewers.len() {
            self.leave(index);
        }
        self.poster.finish();
        let resource = self.publisher.and_then(|publisher| publisher.resource);
        if let (Some(resource), Some((_, token))) = (resource, self.publish) {
            let done =
                crate::http::request("DELETE", &resource, token.as_deref(), "text/plain", "");
            if let Err(error) = done {
                eprintln!("DELETE {resource}: {error}");
            }
        }
    }
}

/// What the publisher shall send, by the options given; what is not said stays.
pub fn content_of(arguments: &Arguments, before: Option<Content>) -> Result<Content, Failure> {
    let before = before.unwrap_or(Content {
        fps: 25.0,
        pattern: Pattern::Burst,
        sizes: Sizes::Chromium,
        sound: true,
    });
    let fps = arguments.optional("fps")?.unwrap_or(before.fps);
    if !(0.1..=10_000.0).contains(&fps) {
        return Err(format!("bad value for --fps: {fps}").into());
    }
    Ok(Content {
        fps,
        pattern: arguments.optional("pattern")?.unwrap_or(before.pattern),
        sizes: arguments.optional("sizes")?.unwrap_or(before.sizes),
        sound: match arguments.optional::<String>("sound")? {
            Some(word) => word == "yes",
            None => before.sound,
        },
    })
}
