//! JSON of docs/protocol/engine.md to the state machine's specs. Refuses what does not fit; guesses nothing.

use std::collections::BTreeMap;

use relay_core::forward::{
    Codec, Config, MILLISECOND, MediaKind, OutputPayload, OutputSpec, PayloadRole, PublicationId,
    PublicationSpec, Slot,
};
use serde::Deserialize;

use crate::error::EngineError;
use crate::feed::RingLimits;
use crate::tcp::TcpLimits;

#[derive(Deserialize)]
struct RawPublication {
    kind: String,
    codec: String,
    mid: String,
    clock_rate: u32,
    pt: BTreeMap<String, String>,
    #[serde(default)]
    ssrc: Vec<u32>,
    #[serde(default)]
    rtx_ssrc: Vec<u32>,
    #[serde(default)]
    ext: RawExtensions,
    #[serde(default)]
    feedback: RawFeedback,
    source: String,
    /// Simulcast layers, lowest first.
    #[serde(default)]
    rids: Vec<String>,
}

#[derive(Deserialize, Default)]
struct RawExtensions {
    mid: Option<u8>,
    rid: Option<u8>,
    rrid: Option<u8>,
    audio_level: Option<u8>,
    abs_send_time: Option<u8>,
}

#[derive(Deserialize, Default)]
struct RawFeedback {
    #[serde(default)]
    nack: bool,
    #[serde(default)]
    pli: bool,
    #[serde(default)]
    remb: bool,
}

#[derive(Deserialize)]
struct RawSubscription {
    outputs: Vec<RawOutput>,
}

#[derive(Deserialize)]
struct RawOutput {
    slot: String,
    mid: String,
    ssrc: u32,
    rtx_ssrc: Option<u32>,
    pt: BTreeMap<String, Vec<u8>>,
    mid_ext: Option<u8>,
    send_time_ext: Option<u8>,
    #[serde(default)]
    cname: String,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct RawTimings {
    consent_ms: Option<u64>,
    expire_ms: Option<u64>,
    stall_ms: Option<u64>,
    delivered_ms: Option<u64>,
    feed_ring_ms: Option<u64>,
    feed_ring_bytes: Option<usize>,
    tcp_first_check_ms: Option<u64>,
    tcp_silence_ms: Option<u64>,
    tcp_unchecked_per_address: Option<usize>,
}

/// A PublicationSpec.
pub fn publication(json: &str) -> Result<PublicationSpec, EngineError> {
    let raw: RawPublication = parse(json, "publication spec")?;
    let mut payload_types = Vec::new();
    for (number, role) in &raw.pt {
        let role = match role.as_str() {
            "media" => PayloadRole::Media,
            "rtx" => PayloadRole::Rtx,
            other => return Err(invalid(format!("unknown payload role: {other}"))),
        };
        payload_types.push((payload_type(number)?, role));
    }
    if !payload_types
        .iter()
        .any(|(_, role)| *role == PayloadRole::Media)
    {
        return Err(invalid("publication spec has no media payload type".into()));
    }
    if !(1000..=1_000_000).contains(&raw.clock_rate) {
        return Err(invalid(format!(
            "clock rate out of range: {}",
            raw.clock_rate
        )));
    }
    if raw.rids.len() > PublicationId::MAX_LAYERS {
        return Err(invalid(format!("too many layers: {}", raw.rids.len())));
    }
    Ok(PublicationSpec {
        kind: media_kind(&raw.kind)?,
        codec: codec(&raw.codec)?,
        mid: raw.mid.into(),
        clock_rate: raw.clock_rate,
        payload_types,
        ssrc: raw.ssrc,
        rtx_ssrc: raw.rtx_ssrc,
        mid_ext: raw.ext.mid,
        rids: raw.rids.into(),
        rid_ext: raw.ext.rid,
        repaired_rid_ext: raw.ext.rrid,
        audio_level_ext: raw.ext.audio_level,
        send_time_ext: raw.ext.abs_send_time,
        nack: raw.feedback.nack,
        pli: raw.feedback.pli,
        remb: raw.feedback.remb,
        source: raw.source,
    })
}

/// The outputs of a SubscriptionSpec.
pub fn subscription(json: &str) -> Result<Vec<OutputSpec>, EngineError> {
    let raw: RawSubscription = parse(json, "subscription spec")?;
    raw.outputs.into_iter().map(output).collect()
}

/// A slot name.
pub fn slot(name: &str) -> Result<Slot, EngineError> {
    Slot::from_name(name).ok_or_else(|| invalid(format!("unknown slot: {name}")))
}

/// Timings of tests over the defaults.
pub fn timings(
    json: Option<&str>,
    config: &mut Config,
) -> Result<(RingLimits, TcpLimits), EngineError> {
    let raw: RawTimings =
        json.map_or_else(|| Ok(RawTimings::default()), |json| parse(json, "timings"))?;
    let mut limits = RingLimits::default();
    let mut tcp = TcpLimits::default();
    let set = |target: &mut u64, value: Option<u64>| {
        if let Some(value) = value {
            *target = value * MILLISECOND;
        }
    };
    set(&mut config.consent_timeout, raw.consent_ms);
    set(&mut config.expire_timeout, raw.expire_ms);
    set(&mut config.stall_timeout, raw.stall_ms);
    set(&mut config.delivered_interval, raw.delivered_ms);
    set(&mut tcp.first_check, raw.tcp_first_check_ms);
    set(&mut tcp.silence, raw.tcp_silence_ms);
    tcp.unchecked_per_address = raw
        .tcp_unchecked_per_address
        .unwrap_or(tcp.unchecked_per_address);
    set(&mut limits.age, raw.feed_ring_ms);
    limits.bytes = raw.feed_ring_bytes.unwrap_or(limits.bytes);
    Ok((limits, tcp))
}

fn output(raw: RawOutput) -> Result<OutputSpec, EngineError> {
    let slot = slot(&raw.slot)?;
    let mut payload_types = Vec::new();
    for (name, numbers) in &raw.pt {
        let (media, rtx) = match numbers.as_slice() {
            [media] => (*media, None),
            [media, rtx] => (*media, Some(*rtx)),
            _ => {
                return Err(invalid(format!(
                    "payload types of {name} are not [media] or [media, rtx]"
                )));
            }
        };
        if media > 127 || rtx.is_some_and(|rtx| rtx > 127) {
            return Err(invalid(format!("payload type out of range: {name}")));
        }
        payload_types.push((codec(name)?, OutputPayload { media, rtx }));
    }
    Ok(OutputSpec {
        slot,
        mid: raw.mid,
        ssrc: raw.ssrc,
        rtx_ssrc: raw.rtx_ssrc,
        payload_types,
        mid_ext: raw.mid_ext,
        send_time_ext: raw.send_time_ext,
        cname: raw.cname,
    })
}

fn parse<'a, T: Deserialize<'a>>(json: &'a str, what: &str) -> Result<T, EngineError> {
    serde_json::from_str(json).map_err(|error| invalid(format!("malformed {what}: {error}")))
}

fn payload_type(number: &str) -> Result<u8, EngineError> {
    let parsed = number.parse().ok().filter(|number| *number <= 127);
    parsed.ok_or_else(|| invalid(format!("payload type out of range: {number}")))
}

fn codec(name: &str) -> Result<Codec, EngineError> {
    Codec::from_name(name).ok_or_else(|| invalid(format!("unknown codec: {name}")))
}

fn media_kind(name: &str) -> Result<MediaKind, EngineError> {
    match name {
        "audio" => Ok(MediaKind::Audio),
        "video" => Ok(MediaKind::Video),
        other => Err(invalid(format!("unknown kind: {other}"))),
    }
}

fn invalid(message: String) -> EngineError {
    EngineError::InvalidArgument(message)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLICATION: &str = r#"{"kind":"video","codec":"H264","mid":"0","clock_rate":90000,"pt":{"102":"media","103":"rtx"},
        "ssrc":[1234],"rtx_ssrc":[],"ext":{"mid":4,"rid":10},"feedback":{"nack":true,"pli":true,"remb":true},"source":"camera"}"#;

    #[test]
    fn the_documented_specs_are_understood() {
        let spec = publication(PUBLICATION).expect("documented");
        assert_eq!(
            (spec.kind, spec.codec, spec.mid_ext, spec.ssrc),
            (MediaKind::Video, Codec::H264, Some(4), vec![1234])
        );
        assert_eq!((spec.rid_ext, spec.rids.len()), (Some(10), 0));
        let layered = PUBLICATION.replace(r#""camera""#, r#""camera","rids":["l","m","h"]"#);
        let layered = publication(&layered).expect("documented");
        assert_eq!(layered.rids[..], ["l", "m", "h"]);
        assert_eq!(
            spec.payload_types,
            [(102, PayloadRole::Media), (103, PayloadRole::Rtx)]
        );
        let outputs = subscription(
            r#"{"outputs":[{"slot":"V0","mid":"0","ssrc":111,"rtx_ssrc":112,"pt":{"H264":[102,103],"VP8":[96,97]},"mid_ext":4,"cname":"c"},
            {"slot":"A0","mid":"1","ssrc":113,"pt":{"opus":[111]}}]}"#,
        )
        .expect("documented");
        assert_eq!(outputs.len(), 2);
        assert_eq!(
            outputs[0].payload_types[0],
            (
                Codec::H264,
                OutputPayload {
                    media: 102,
                    rtx: Some(103)
                }
            )
        );
        assert_eq!(
            (
                outputs[1].slot.name(),
                outputs[1].rtx_ssrc,
                outputs[1].mid_ext
            ),
            ("A0", None, None)
        );
    }

    #[test]
    fn what_does_not_fit_is_refused_with_a_reason() {
        for (broken, reason) in [
            ("{", "malformed"),
            (&PUBLICATION.replace("H264", "H265"), "unknown codec: H265"),
            (
                &PUBLICATION.replace("102", "128"),
                "payload type out of range: 128",
            ),
            (
                &PUBLICATION.replace("\"media\"", "\"rtx\""),
                "no media payload type",
            ),
            (
                &PUBLICATION.replace(r#""camera""#, r#""camera","rids":["a","b","c","d"]"#),
                "too many layers: 4",
            ),
            (
                &PUBLICATION.replace("90000", "0"),
                "clock rate out of range: 0",
            ),
        ] {
            let error = publication(broken).expect_err(reason);
            assert!(error.to_string().contains(reason), "{error}");
        }
        let output = r#"{"outputs":[{"slot":"V9","mid":"0","ssrc":1,"pt":{}}]}"#;
        assert!(
            subscription(output)
                .expect_err("no such slot")
                .to_string()
                .contains("unknown slot: V9")
        );
    }
}
