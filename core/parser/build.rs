//! Says whether the parser's library leaves the process's stderr alone, see `src/c.rs`.

fn main() {
    println!("cargo:rustc-check-cfg=cfg(parser_redirects_stderr)");
    println!("cargo:rerun-if-env-changed=CFLAGS");
    let flags = std::env::var("CFLAGS").unwrap_or_default();
    if !flags.split_whitespace().any(|flag| flag == "-DDEBUG") {
        println!("cargo:rustc-cfg=parser_redirects_stderr");
    }
}
