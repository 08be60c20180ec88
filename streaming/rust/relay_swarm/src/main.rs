//! Load generator for the relay: `relay_swarm loop` and `relay_swarm load`. Results are JSON on stdout, remarks on stderr.
//!
//! The WebRTC side is str0m, which is not ours, so that a run is a witness too. Linux only.

mod arguments;
mod http;
mod json;
mod load;
mod media;
mod publisher;
mod sealing_loop;
mod system;
mod viewer;

use arguments::Arguments;

const USAGE: &str = "\
usage: relay_swarm loop [--receivers N] [--packets N] [--core N] [--reader-core N]
       relay_swarm load --whip URL --whep URL --viewers N --server-pid P [--publish-token T] [--watch-token T]
                        [--seconds S] [--fps F] [--core N] [--join-interval-ms N]
                        [--audio yes] [--spread yes]";

/// What a subcommand fails with: a sentence for stderr.
type Failure = Box<dyn std::error::Error>;

fn main() {
    let mut words = std::env::args().skip(1);
    let command = words.next().unwrap_or_default();
    let outcome = Arguments::parse(words).and_then(|arguments| match command.as_str() {
        "loop" => sealing_loop::run(&arguments),
        "load" => load::run(&arguments),
        _ => Err(USAGE.into()),
    });
    match outcome {
        Ok(report) => println!("{report}"),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(1);
        }
    }
}
