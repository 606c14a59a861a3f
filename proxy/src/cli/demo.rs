//! `velum demo`

use std::io::Write as _;

use clap::{Args, ValueEnum};

use crate::demo::tour::{self, TourOptions};

/// A real PostgreSQL with synthetic patients, seen direct and through Velum.
#[derive(Args)]
pub(super) struct Demo {
    /// Play the tour, check it and end: 0 if nothing leaked, else 1.
    #[arg(long)]
    once: bool,
    /// How many patients the clinic has.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(100..))]
    patients: u64,
    /// Never in colour.
    #[arg(long)]
    no_color: bool,
    /// How the gateway waits for the kernel.
    #[arg(long, value_enum, default_value = "auto")]
    driver: Driver,
}

#[derive(Clone, Copy, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Driver {
    /// io_uring where the kernel lets us, epoll otherwise.
    Auto,
    /// io_uring or no start.
    IoUring,
    /// epoll.
    Epoll,
}

/// Runs it; returns the exit status.
pub(super) fn run(arguments: &Demo) -> u8 {
    let driver = match arguments.driver {
        Driver::Auto => "auto",
        Driver::IoUring => "io_uring",
        Driver::Epoll => "epoll",
    };
    let options = TourOptions {
        once: arguments.once,
        patients: arguments.patients,
        no_color: arguments.no_color,
        driver: driver.to_owned(),
    };
    match tour::run(&options) {
        Ok(true) => super::DONE,
        Ok(false) => super::FOUND,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "velum demo: {error:#}");
            super::MISUSE
        }
    }
}
