//! The rules of the house that a look at the source can hold.

use std::fs;
use std::path::{Path, PathBuf};

use crate::programs::repository;

/// A source file and its text.
pub struct Source {
    /// Its path from the root of the repository.
    pub path: String,
    /// Its text.
    pub text: String,
}

/// All Rust files of a folder of the repository.
pub fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![repository().join(folder)];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        for entry in entries {
            let path = entry.expect("a directory entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(read(&path));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has no sources");
    found
}

/// The text up to the tests at its end, without comments.
pub fn code(source: &Source) -> String {
    let text = source.text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

fn read(path: &Path) -> Source {
    let relative: PathBuf = path.strip_prefix(repository()).expect("inside").to_owned();
    Source { path: relative.display().to_string(), text: fs::read_to_string(path).expect("a readable file") }
}
