//! The manual pages: one for gi and one for each command, made of the same definitions as the help.

mod sections;

use std::io;

use clap::Command;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use crate::cli::{GROUPS, definition};

/// The heading that options have which every command understands.
const GLOBAL_OPTIONS: &str = "Global options";

/// What the examples begin with in the help.
const EXAMPLES: &str = "Examples:\n";

/// A manual page.
pub(crate) struct Page {
    /// Its file, such as `gi-get.1`.
    pub(crate) file: String,
    /// Its text, for `man` and `groff`.
    pub(crate) text: String,
}

/// The page of gi itself.
pub(crate) fn main_page() -> io::Result<Page> {
    page(&whole(), &[])
}

/// All pages.
pub(crate) fn pages() -> io::Result<Vec<Page>> {
    let gi = whole();
    let mut pages = vec![page(&gi, &[])?];
    add_pages(&gi, &mut pages)?;
    Ok(pages)
}

fn add_pages(parent: &Command, pages: &mut Vec<Page>) -> io::Result<()> {
    for command in parent.get_subcommands() {
        let mut related = vec![name(parent)];
        related.extend(siblings(parent, command).map(name));
        pages.push(page(command, &related)?);
        add_pages(command, pages)?;
    }
    Ok(())
}

/// The commands that those who read about this one may want.
fn siblings<'a>(parent: &'a Command, command: &'a Command) -> impl Iterator<Item = &'a Command> {
    let group = GROUPS.iter().find(|(_, names)| names.contains(&command.get_name()));
    let group = group.filter(|_| parent.get_name() == definition().get_name());
    let in_group = move |other: &Command| group.is_none_or(|(_, names)| names.contains(&other.get_name()));
    parent.get_subcommands().filter(move |other| other.get_name() != command.get_name() && in_group(other))
}

/// The definitions with everything that clap adds when it is needed.
fn whole() -> Command {
    let mut command = definition();
    command.build();
    command
}

/// The name of a command's page, such as gi-issuer-add.
fn name(command: &Command) -> String {
    command.get_display_name().unwrap_or_else(|| command.get_name()).to_owned()
}

fn page(command: &Command, related: &[String]) -> io::Result<Page> {
    let is_main = related.is_empty();
    let mut command = command.clone();
    let usage = command.render_usage().to_string();
    command = command.override_usage(usage.trim_start_matches("Usage:").trim().to_owned());
    if !is_main {
        command = command.mut_args(|arg| {
            let is_global = arg.get_help_heading() == Some(GLOBAL_OPTIONS);
            arg.hide(is_global)
        });
    }
    let title = name(&command);
    let file = format!("{title}.1");
    let man = Man::new(command.clone());
    // An empty date would be left out by `render_title`, and what follows be taken for it.
    let mut text =
        format!(".TH {} 1 \"\" \"gi {}\" guestissuer\n", title.to_uppercase(), env!("CARGO_PKG_VERSION"))
            .into_bytes();
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    let (remarks, examples) = after_help(&command);
    let mut about = Roff::new();
    for remark in remarks {
        about.control("PP", []);
        // A table is left as it is.
        if remark.contains("\n  ") {
            about.control("EX", []);
            for line in remark.lines() {
                about.text([roman(line)]);
            }
            about.control("EE", []);
        } else {
            about.text([roman(remark)]);
        }
    }
    if !is_main {
        about.control("PP", []).text([
            roman("The global options, which every command understands, are described in "),
            bold("gi"),
            roman("(1)."),
        ]);
    }
    about.to_writer(&mut text)?;
    man.render_options_section(&mut text)?;
    if is_main {
        sections::groups(&command).to_writer(&mut text)?;
    } else if command.has_subcommands() {
        sections::commands(&command).to_writer(&mut text)?;
    }
    sections::examples(&examples).to_writer(&mut text)?;
    sections::exit_status(is_main).to_writer(&mut text)?;
    if is_main {
        sections::environment().to_writer(&mut text)?;
        sections::files().to_writer(&mut text)?;
    }
    let below = command.get_subcommands().map(name);
    sections::see_also(related.iter().cloned().chain(below)).to_writer(&mut text)?;
    Ok(Page { file, text: tidied(&String::from_utf8_lossy(&text)) })
}

/// Every part comes with the same preamble, of which a page needs one.
fn tidied(text: &str) -> String {
    let preamble: String = Roff::new().render();
    preamble.clone() + &text.replace(&preamble, "")
}

/// What a command's help says at its end: remarks, and examples with their explanations.
fn after_help(command: &Command) -> (Vec<String>, Vec<(String, String)>) {
    let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let (remarks, examples) = text.split_once(EXAMPLES).unwrap_or((&text, ""));
    let remarks = remarks.split("\n\n").map(str::trim).filter(|remark| !remark.is_empty());
    let examples = examples.lines().map(str::trim).filter(|line| !line.is_empty());
    let taken_apart = examples.map(|line| match line.split_once("  ") {
        Some((example, explanation)) => (example.to_owned(), explanation.trim().to_owned()),
        None => (line.to_owned(), String::new()),
    });
    (remarks.map(str::to_owned).collect(), taken_apart.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_has_examples_in_its_help_and_a_page_with_all_sections() {
        fn check(command: &Command, pages: &[Page]) {
            let (_, examples) = after_help(command);
            let file = format!("{}.1", name(command));
            assert!(!examples.is_empty(), "{file}: no examples");
            let page = pages.iter().find(|page| page.file == file).unwrap_or_else(|| panic!("{file}"));
            let mut sections = vec!["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "EXAMPLES", "SEE ALSO"];
            if file == "gi.1" {
                sections.extend(["EXIT STATUS", "ENVIRONMENT", "FILES"]);
            }
            for section in sections {
                let heading =
                    if section.contains(' ') { format!("\"{section}\"") } else { section.to_owned() };
                assert!(page.text.lines().any(|line| line == format!(".SH {heading}")), "{file}: {section}");
            }
            command.get_subcommands().for_each(|command| check(command, pages));
        }
        check(&whole(), &pages().unwrap());
    }
}
