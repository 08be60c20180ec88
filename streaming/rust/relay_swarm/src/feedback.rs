//! A viewer's RTCP: receiver reports and generic NACK over all it received, which str0m, seeing a sample, cannot know.

use std::time::{Duration, Instant};

use relay_core::rtcp::{self, Nack, Packet, ReceiverReport, ReportBlock, ntp};
use relay_core::srtp::{Profile, SrtpContext};
use str0m::crypto::dtls::SrtpProfile;

use crate::Failure;
use crate::dtls_keys::Keys;
use crate::tally::{Medium, Source, Tally};

const REPORT_EVERY: Duration = Duration::from_secs(1);

/// SRTCP of one viewer. Its sender SSRC is not str0m's, so both may use the same keys.
pub struct Feedback {
    seal: SrtpContext,
    open: SrtpContext,
    sender_ssrc: u32,
    next_report: Instant,
    next_ask: Instant,
}

impl Feedback {
    /// As DTLS client; `None` for a profile that relay_core does not have (AES-256): no reports then.
    pub fn new(now: Instant, keys: &Keys, sender_ssrc: u32) -> Result<Option<Self>, Failure> {
        let profile = match keys.profile {
            SrtpProfile::AEAD_AES_128_GCM => Profile::AeadAes128Gcm,
            SrtpProfile::AES128_CM_SHA1_80 => Profile::Aes128CmSha1_80,
            _ => return Ok(None),
        };
        let (key, salt) = (profile.key_len(), profile.salt_len());
        let part = |at: usize, len: usize| {
            keys.material
                .get(at..at + len)
                .ok_or("short keying material")
        };
        let context = |side: usize| -> Result<SrtpContext, Failure> {
            let (key, salt) = (part(side * key, key)?, part(2 * key + side * salt, salt)?);
            SrtpContext::new(profile, key, salt).map_err(|error| error.to_string().into())
        };
        Ok(Some(Self {
            seal: context(0)?,
            open: context(1)?,
            sender_ssrc,
            next_report: now + REPORT_EVERY,
            next_ask: now,
        }))
    }

    /// Remembers the sender reports of an SRTCP datagram, for round-trip times.
    pub fn hear(&mut self, now: Instant, datagram: &[u8], tally: &mut Tally) {
        let mut copy = datagram.to_vec();
        let Ok(len) = self.open.unprotect_rtcp(&mut copy) else {
            return;
        };
        for part in rtcp::parts(&copy[..len]) {
            if let Ok(Packet::SenderReport(report)) = part {
                let of = tally
                    .sources
                    .iter_mut()
                    .find(|source| source.ssrc == report.info.ssrc);
                if let Some(source) = of {
                    source.sender_report = Some((ntp::middle(report.info.ntp), now));
                }
            }
        }
    }

    /// What is due now: a receiver report each second, and requests for holes.
    pub fn due(&mut self, now: Instant, tally: &mut Tally) -> Option<Vec<u8>> {
        let mut compound = Vec::new();
        if now >= self.next_report {
            self.next_report = now + REPORT_EVERY;
            let blocks: Vec<ReportBlock> = tally
                .sources
                .iter_mut()
                .map(|source| block(now, source))
                .collect();
            if !blocks.is_empty() {
                ReceiverReport::write(&mut compound, self.sender_ssrc, &blocks);
            }
        }
        if now >= self.next_ask {
            self.next_ask = now + Duration::from_millis(10);
            let videos = tally
                .sources
                .iter_mut()
                .filter(|source| source.medium == Medium::Video);
            for source in videos {
                let sequences = source.ask(now);
                tally.nacks += sequences.len() as u64;
                Nack::write(&mut compound, self.sender_ssrc, source.ssrc, &sequences);
            }
        }
        if compound.is_empty() {
            return None;
        }
        self.seal.protect_rtcp(&mut compound).ok()?;
        Some(compound)
    }
}

/// RFC 3550 §6.4.1 and A.3.
fn block(now: Instant, source: &mut Source) -> ReportBlock {
    let (expected, received) = (source.expected(), source.received);
    let span = (expected - source.reported.0, received - source.reported.1);
    source.reported = (expected, received);
    let fraction = if span.0 > span.1 {
        (span.0 - span.1) * 256 / span.0
    } else {
        0
    };
    let (last_sr, delay) = source.sender_report.map_or((0, 0), |(middle, arrived)| {
        let nanos = now.saturating_duration_since(arrived).as_nanos() as u64;
        (middle, ntp::delay_units(nanos))
    });
    ReportBlock {
        ssrc: source.ssrc,
        fraction_lost: fraction.min(255) as u8,
        cumulative_lost: (expected as i64 - received as i64) as i32,
        highest_sequence: (source.highest - 0x1_0000) as u32,
        jitter: 0,
        last_sr,
        delay_since_last_sr: delay,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_tell_the_loss_of_the_last_span_and_nacks_name_the_holes() {
        let keys = Keys {
            profile: SrtpProfile::AEAD_AES_128_GCM,
            material: (0..56).collect(),
        };
        let now = Instant::now();
        let mut feedback = Feedback::new(now, &keys, 7).unwrap().unwrap();
        let mut tally = Tally::new("a=rtpmap:96 H264/90000", 1);
        for sequence in [10u16, 11, 13] {
            let mut packet = [0x80, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5];
            packet[2..4].copy_from_slice(&sequence.to_be_bytes());
            tally.note(now, &packet);
        }
        let mut sealed = feedback.due(now + REPORT_EVERY, &mut tally).unwrap();
        // The server's view of the client's direction.
        let mut server = SrtpContext::new(
            Profile::AeadAes128Gcm,
            &keys.material[..16],
            &keys.material[32..44],
        )
        .unwrap();
        let len = server.unprotect_rtcp(&mut sealed).unwrap();
        let parts: Vec<_> = rtcp::parts(&sealed[..len]).map(Result::unwrap).collect();
        match parts[..] {
            [Packet::ReceiverReport(report), Packet::Nack(nack)] => {
                let block = report.blocks.into_iter().next().unwrap();
                assert_eq!(
                    (
                        block.fraction_lost,
                        block.cumulative_lost,
                        block.highest_sequence
                    ),
                    (64, 1, 13)
                );
                assert_eq!(nack.sequences().collect::<Vec<_>>(), [12]);
            }
            ref other => panic!("{other:?}"),
        }
        assert!(feedback.due(now + REPORT_EVERY, &mut tally).is_none());
    }
}
