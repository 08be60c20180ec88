//! Load generator for any WHIP and WHEP server. Results are JSON on stdout, remarks on stderr.
//!
//! ICE, DTLS and a sample of the media go through str0m, which is not ours, so that a run is a witness too. Linux only.

mod agent;
mod arguments;
mod dtls_keys;
mod feedback;
mod figures;
mod http;
mod media;
mod poster;
mod publisher;
mod random;
mod sealing_loop;
mod steps;
mod swarm;
mod system;
mod tally;
mod viewer;

use arguments::Arguments;
use serde_json::{Value, json};
use steps::Run;

const USAGE: &str = "\
usage: relay_swarm load  WHERE [WHAT] --viewers N [--rate JOINS/S] [--seconds S] [--lone-joins N]
       relay_swarm churn WHERE [WHAT] --seconds S [--rate JOINS/S] [--stay S] [--kill-share 0..1] [--viewers N]
       relay_swarm steps WHERE [WHAT]     steps from stdin: join, phase, lone, churn, leave (same options)
       relay_swarm loop  [--gso yes] [--receivers N] [--packets N] [--core N] [--reader-core N]

WHERE: --whep URL [--watch-token T] [--whip URL [--publish-token T]] [--bind ADDRESS] [--server-pid PID]
       Without --whip somebody else publishes. With --server-pid its CPU and memory are in the report.
WHAT:  [--fps F] [--pattern burst|single] [--sizes chromium|equal] [--audio yes]
       [--sample-every N] [--drop-share 0..1] [--parallel POSTS] [--core N] [--seed N]";

/// What a subcommand fails with: a sentence for stderr.
type Failure = Box<dyn std::error::Error>;

fn main() {
    dtls_keys::install();
    system::raise_descriptor_limit();
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let outcome = Arguments::parse(words).and_then(|arguments| match command.as_str() {
        "loop" => sealing_loop::run(&arguments).map(Some),
        "load" => load(&arguments).map(Some),
        "churn" => churn(&arguments).map(Some),
        "steps" => Run::open(&arguments)?.follow().map(|()| None),
        _ => Err(USAGE.into()),
    });
    match outcome {
        Ok(Some(report)) => println!("{report}"),
        Ok(None) => {}
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}

/// Join, one measured window, lone joins if wanted.
fn load(arguments: &Arguments) -> Result<Value, Failure> {
    let mut run = Run::open(arguments)?;
    let join = run.step("join", arguments)?;
    let phase = run.step("phase", arguments)?;
    let lone = match arguments.optional::<usize>("lone-joins")? {
        Some(joins) => {
            let words = ["--joins".to_owned(), joins.to_string()];
            Some(run.step("lone", &Arguments::parse(words.into_iter())?)?)
        }
        None => None,
    };
    run.close();
    Ok(json!({"machine": figures::machine(), "join": join, "phase": phase, "lone": lone}))
}

/// Viewers come and go, beside a few who stay if wanted.
fn churn(arguments: &Arguments) -> Result<Value, Failure> {
    let mut run = Run::open(arguments)?;
    let base = match arguments.optional::<usize>("viewers")? {
        Some(_) => Some(run.step("join", arguments)?),
        None => None,
    };
    let churn = run.step("churn", arguments)?;
    run.close();
    Ok(json!({"machine": figures::machine(), "join": base, "churn": churn}))
}
