//! Replays the fuzz targets' corpora and every input that once broke something (`fuzz/fixtures/<target>/<what it broke>`).

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::checks::{Check, TARGETS};

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz")
}

fn names(directory: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(directory).map(|entries| {
        entries.map(|entry| {
            entry
                .expect("readable")
                .file_name()
                .into_string()
                .expect("UTF-8")
        })
    });
    entries.map(Iterator::collect).unwrap_or_default()
}

fn replay(directory: &Path, check: Check) -> usize {
    let names = names(directory);
    for name in &names {
        let data = fs::read(directory.join(name)).expect("readable");
        println!("{}/{name}", directory.display());
        check(&data);
    }
    names.len()
}

#[test]
fn every_input_of_the_corpora_keeps_every_promise() {
    for (target, check) in TARGETS {
        let replayed = replay(&fuzz_directory().join("corpus").join(target), *check);
        assert!(replayed > 0, "{target} has a corpus");
    }
}

#[test]
fn what_once_broke_something_breaks_nothing_any_more() {
    let fixtures = fuzz_directory().join("fixtures");
    for (target, check) in TARGETS {
        replay(&fixtures.join(target), *check);
    }
    let known: BTreeSet<_> = TARGETS
        .iter()
        .map(|(target, _)| (*target).to_owned())
        .collect();
    assert!(names(&fixtures).is_subset(&known));
}

#[test]
fn every_corpus_and_every_target_file_belongs_to_a_target() {
    let known: BTreeSet<_> = TARGETS
        .iter()
        .map(|(target, _)| (*target).to_owned())
        .collect();
    assert_eq!(names(&fuzz_directory().join("corpus")), known);
    let files: BTreeSet<_> = known.iter().map(|target| format!("{target}.rs")).collect();
    assert_eq!(names(&fuzz_directory().join("fuzz_targets")), files);
}

#[test]
fn what_a_short_walk_of_random_bytes_finds_is_nothing() {
    use proptest::prelude::*;
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let stories = proptest::collection::vec(any::<u8>(), 0..400);
    for _ in 0..200 {
        let data = stories.new_tree(&mut runner).expect("a value").current();
        for (_, check) in TARGETS {
            check(&data);
        }
    }
}
