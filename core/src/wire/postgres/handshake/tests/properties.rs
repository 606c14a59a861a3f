//! What must hold for any bytes and any split.

use proptest::prelude::*;

use super::duet::Scene;
use super::*;

/// Feeds a whole transcript in the parts that `cuts` make of it.
fn replay_client(bytes: &[u8], cuts: &[usize]) -> (String, Vec<u8>) {
    let mut rig = Rig::new(TlsOffer::Optional);
    let mut step = ClientStep::NeedBytes;
    for part in parts(bytes, cuts) {
        step = rig.feed(part);
        if !matches!(step, ClientStep::NeedBytes) {
            break;
        }
    }
    (client_step(&step), rig.answer())
}

fn replay_upstream(bytes: &[u8], cuts: &[usize]) -> (String, Vec<u8>) {
    let mut config = super::upstream::config(UpstreamTls::Disable);
    config.user = "robot".to_owned();
    let mut handshake = UpstreamHandshake::new(config, [5; 18], None);
    let (mut window, mut out) = (Window::default(), Outbox::new());
    handshake.start(&mut out);
    let mut step = UpstreamStep::NeedBytes;
    for part in parts(bytes, cuts) {
        window.extend(part);
        step = handshake.feed(&mut window, &mut out);
        if !matches!(step, UpstreamStep::NeedBytes) {
            break;
        }
    }
    (upstream_step(&step), drain(&mut out))
}

fn parts<'a>(bytes: &'a [u8], cuts: &[usize]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (bytes.len() + 1)).collect();
    cuts.extend([0, bytes.len()]);
    cuts.sort_unstable();
    cuts.windows(2)
        .map(|pair| &bytes[pair[0]..pair[1]])
        .collect()
}

#[test]
fn every_split_of_a_login_gives_the_same() {
    for user in ["robot", "nobody", "open"] {
        let scene = Scene::new(user, false).play();
        let whole = replay_client(&scene.asked, &[]);
        assert_eq!(whole.0.starts_with("Authenticated"), user != "nobody");
        for cut in 0..scene.asked.len() {
            assert_eq!(replay_client(&scene.asked, &[cut]), whole);
        }
    }
    let scene = Scene::new("robot", false).play();
    let whole = replay_upstream(&scene.answered, &[]);
    assert!(whole.0.starts_with("Authenticated"), "{}", whole.0);
    for cut in 0..scene.answered.len() {
        assert_eq!(replay_upstream(&scene.answered, &[cut]), whole);
    }
}

#[test]
fn a_truncated_login_is_none() {
    let scene = Scene::new("robot", false).play();
    for end in 0..scene.asked.len() {
        assert_eq!(replay_client(&scene.asked[..end], &[]).0, "NeedBytes");
    }
    for end in 0..scene.answered.len() {
        assert_eq!(replay_upstream(&scene.answered[..end], &[]).0, "NeedBytes");
    }
}

#[test]
fn any_flipped_bit_of_the_exchange_ends_it() {
    let scene = Scene::new("robot", false).play();
    let startup_bytes = u32::from_be_bytes(scene.asked[..4].try_into().unwrap()) as usize;
    for at in startup_bytes..scene.asked.len() {
        for bit in 0..8 {
            let mut bytes = scene.asked.clone();
            bytes[at] ^= 1 << bit;
            let (step, _) = replay_client(&bytes, &[]);
            assert!(!step.starts_with("Authenticated"), "byte {at} bit {bit}");
        }
    }
    for at in 0..scene.answered.len() {
        for bit in 0..8 {
            let mut bytes = scene.answered.clone();
            bytes[at] ^= 1 << bit;
            let (step, _) = replay_upstream(&bytes, &[]);
            assert!(!step.starts_with("Authenticated"), "byte {at} bit {bit}");
        }
    }
}

/// Bytes that get further than noise: fragments of real messages with noise between them.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let scene = Scene::new("robot", false).play();
    let pieces = vec![
        scene.asked.clone(),
        scene.answered.clone(),
        tls_request(),
        gss_request(),
        startup_of(0, &[("user", "robot")]),
        startup_of(2, &[("user", "nobody"), ("options", "-c a=b")]),
        sasl_initial("SCRAM-SHA-256", b"n,,n=,r=abc"),
        sasl_initial("SCRAM-SHA-256-PLUS", b"p=tls-server-end-point,,n=,r=abc"),
        authentication(0, b""),
        authentication(3, b""),
        authentication(5, b"salt"),
        authentication(10, b"SCRAM-SHA-256\0\0"),
        authentication(11, b"r=BQUFBQUFBQUFBQUFBQUFBQUFabc,s=c2FsdA==,i=2"),
        authentication(12, b"v="),
        frame_of(b'E', b"SFATAL\0C28000\0\0"),
        b"S".to_vec(),
        b"N".to_vec(),
    ];
    let piece = (proptest::sample::select(pieces), any::<u16>(), any::<u16>()).prop_map(
        |(piece, start, length)| {
            // Half of them whole, the others cut.
            if start % 2 == 0 {
                return piece;
            }
            let start = usize::from(start) % piece.len();
            let end = (start + usize::from(length) % 64).min(piece.len());
            piece[start..end].to_vec()
        },
    );
    let noise = proptest::collection::vec(any::<u8>(), 0..24);
    proptest::collection::vec(prop_oneof![3 => piece, 1 => noise], 0..6)
        .prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 2_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn no_bytes_panic_or_get_in(data in proptest::collection::vec(any::<u8>(), 0..512)) {
        fuzz_handshakes(&data);
    }

    #[test]
    fn no_fragments_panic_or_get_in(first in any::<u8>(), rest in hostile()) {
        // The verifier of the fuzzed account is another one, so the real transcript fails too.
        fuzz_handshakes(&[&[first], rest.as_slice()].concat());
    }

    #[test]
    fn any_split_gives_the_same(
        bytes in hostile(),
        cuts in proptest::collection::vec(any::<usize>(), 0..8),
    ) {
        // Without encryption requests: what is buffered behind them is told by time alone.
        let asks = |code: u32| {
            let request = untagged(code, &[]);
            bytes.windows(request.len()).any(|window| window == request)
        };
        prop_assume!(!asks(startup::TLS_CODE) && !asks(startup::GSS_CODE));
        prop_assume!(bytes.first() != Some(&0x16));
        prop_assert_eq!(replay_client(&bytes, &cuts), replay_client(&bytes, &[]));
        prop_assert_eq!(replay_upstream(&bytes, &cuts), replay_upstream(&bytes, &[]));
    }
}
