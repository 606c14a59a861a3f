//! `[[notify]]`

use super::*;

const HOOK: &str = "[[notify]]\nname = \"hook\"\nkind = \"webhook\"\nca = \"server.crt\"\n";
const MAIL: &str = "[[notify]]\nname = \"mail\"\nkind = \"email\"\nserver = \"smtp.example:2525\"\n\
                    from = \"Velum <velum@example.org>\"\nto = [\"ann@example.org\"]\n";

#[test]
fn who_is_told_of_what() {
    let house = House::new();
    house.file("long", 0o600, &[b'x'; 32]);
    house.file(
        "slack",
        0o600,
        b"https://hooks.slack.example/services/T0/B0/secret",
    );
    let text = format!(
        "{GOOD}\n{HOOK}url = \"https://h.example/x\"\nsecret = {{ file = \"long\" }}\n\
         events = [\"requested\", \"break-glass\"]\nretry_ms = 100\n\n\
         [[notify]]\nname = \"slack\"\nkind = \"slack\"\nca = \"server.crt\"\n\
         url = {{ file = \"slack\" }}\n\n{MAIL}user = \"u\"\npassword = {{ file = \"password\" }}\n"
    );
    let config = house.parse(&text).map_err(|it| it.to_text()).unwrap();
    let [hook, slack, mail] = config.notify.as_slice() else {
        panic!("three")
    };
    assert_eq!(hook.occasions.len(), 2);
    assert_eq!((slack.occasions.len(), slack.attempts_most), (7, 12));
    assert!(matches!(&mail.channel, model::Channel::Email(it) if it.port == 2525));
    assert!(!format!("{config:?}").contains("services/T0"));
}

#[test]
fn mistakes_about_notifications_are_found() {
    let house = House::new();
    house.file("long", 0o600, &[b'x'; 32]);
    let url = "url = \"https://h.example/x\"\n";
    let secret = "secret = { file = \"long\" }\n";
    for (section, mistake) in [
        (format!("{HOOK}{secret}"), "lacks `url`"),
        (format!("{HOOK}{url}"), "lacks `secret`"),
        (
            format!("{HOOK}{url}secret = {{ file = \"password\" }}\n"),
            "fewer than 16 bytes",
        ),
        (
            format!("{HOOK}{secret}url = \"http://h.example/x\"\n"),
            "only a loopback address",
        ),
        (
            format!("{HOOK}{url}{secret}events = [\"asked\"]\n"),
            "no event that is told of",
        ),
        (
            format!("{HOOK}{url}{secret}to = [\"x\"]\n"),
            "unknown key `to`",
        ),
        (format!("{HOOK}{url}{secret}{HOOK}{url}{secret}"), "hook"),
        (MAIL.replace("ann@", "ann"), "is no address of e-mail"),
        (
            format!("{MAIL}tls = \"off\"\n"),
            "without TLS only a server on loopback",
        ),
        (format!("{MAIL}user = \"u\"\n"), "belong together"),
        (MAIL.replace(":2525", ":x"), "is not an address"),
    ] {
        let parsed = house.parse(&format!("{GOOD}\n{section}"));
        let found = parsed
            .map(|_| ())
            .map_err(|it| it.to_text())
            .expect_err(&section);
        assert!(found.contains(mistake), "{section}\n{found}");
    }
}
