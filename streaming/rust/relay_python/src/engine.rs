//! `streaming._relay.Engine`: arguments in, commands out. Logic belongs to `relay_runtime`.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;
use relay_core::forward::{Command, PublicationId, SessionId, SessionKeys};
use relay_core::srtp::Profile;
use relay_runtime::{EngineError, EngineSettings, spec};

use crate::error::to_python;

type PyEvent = (&'static str, u64, String, Py<PyBytes>);

/// UDP sockets, media thread and recorder feed of one media node.
#[pyclass(frozen, module = "streaming._relay")]
pub struct Engine(relay_runtime::Engine);

impl Engine {
    fn queue(&self, command: Result<Command, EngineError>) -> PyResult<()> {
        command
            .and_then(|command| self.0.command(command))
            .map_err(to_python)
    }
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, addresses, port, node_epoch, feed_path, remb_bps=2_500_000, remb_min_bps=150_000, timings=None, workers=0))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments, for Python")]
    fn new(
        addresses: Vec<String>,
        port: u16,
        node_epoch: String,
        feed_path: Option<String>,
        remb_bps: u64,
        remb_min_bps: u64,
        timings: Option<String>,
        workers: usize,
    ) -> PyResult<Self> {
        let settings = EngineSettings {
            addresses,
            port,
            node_epoch,
            feed_path,
            remb_bps,
            remb_min_bps,
            timings,
            workers,
        };
        relay_runtime::Engine::start(&settings)
            .map(Self)
            .map_err(to_python)
    }

    fn local_addresses(&self) -> Vec<(String, u16)> {
        self.0
            .local_addresses()
            .iter()
            .map(|address| (address.ip().to_string(), address.port()))
            .collect()
    }

    fn event_fd(&self) -> i32 {
        self.0.event_fd()
    }

    #[pyo3(signature = (limit=1024))]
    fn drain(&self, py: Python<'_>, limit: usize) -> Vec<PyEvent> {
        let events = self.0.drain(limit).into_iter();
        events
            .map(|event| {
                (
                    event.kind,
                    event.session,
                    event.text,
                    PyBytes::new(py, &event.data).unbind(),
                )
            })
            .collect()
    }

    #[pyo3(signature = (session, room, local_ufrag, local_pwd, *, publishes=false))]
    fn add_session(
        &self,
        session: u64,
        room: String,
        local_ufrag: String,
        local_pwd: String,
        publishes: bool,
    ) -> PyResult<()> {
        let credentials = (local_ufrag, local_pwd);
        self.0
            .add_session(SessionId(session), room, credentials, publishes)
            .map_err(to_python)
    }

    fn restart_ice(&self, session: u64, local_ufrag: String, local_pwd: String) -> PyResult<()> {
        self.queue(Ok(Command::RestartIce(
            SessionId(session),
            local_ufrag,
            local_pwd,
        )))
    }

    fn send_dtls(&self, session: u64, datagram: Vec<u8>) -> PyResult<()> {
        self.queue(Ok(Command::SendDtls(SessionId(session), datagram)))
    }

    fn set_keys(
        &self,
        session: u64,
        profile: &str,
        local: Vec<u8>,
        remote: Vec<u8>,
    ) -> PyResult<()> {
        let profile = Profile::from_name(profile)
            .map_err(|_| PyValueError::new_err(format!("unknown srtp profile: {profile}")))?;
        self.queue(Ok(Command::SetKeys(
            SessionId(session),
            SessionKeys {
                profile,
                local,
                remote,
            },
        )))
    }

    fn close_session(&self, session: u64) -> PyResult<()> {
        self.queue(Ok(Command::CloseSession(SessionId(session))))
    }

    fn publish(&self, session: u64, publication: u64, spec: &str) -> PyResult<()> {
        let spec = spec::publication(spec);
        self.queue(
            spec.map(|spec| Command::Publish(SessionId(session), PublicationId(publication), spec)),
        )
    }

    fn unpublish(&self, publication: u64) -> PyResult<()> {
        self.queue(Ok(Command::Unpublish(PublicationId(publication))))
    }

    fn subscribe(&self, session: u64, spec: &str) -> PyResult<()> {
        self.queue(
            spec::subscription(spec).map(|outputs| Command::Subscribe(SessionId(session), outputs)),
        )
    }

    #[pyo3(signature = (room, slot, publication))]
    fn set_slot(&self, room: String, slot: &str, publication: Option<u64>) -> PyResult<()> {
        self.queue(
            spec::slot(slot)
                .map(|slot| Command::SetSlot(room, slot, publication.map(PublicationId))),
        )
    }

    #[pyo3(signature = (room, recording_id))]
    fn set_recording(&self, room: String, recording_id: Option<String>) -> PyResult<()> {
        self.queue(Ok(Command::SetRecording(room, recording_id)))
    }

    fn request_keyframe(&self, publication: u64) -> PyResult<()> {
        self.queue(Ok(Command::RequestKeyframe(PublicationId(publication))))
    }

    fn stats(&self) -> PyResult<String> {
        self.0.stats().map_err(to_python)
    }

    fn shutdown(&self, py: Python<'_>) {
        py.detach(|| self.0.shutdown());
    }
}
