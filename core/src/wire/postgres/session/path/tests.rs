//! The path that a server has is always among those by which a statement is judged.

use proptest::prelude::*;

use super::*;

const SCHEMAS: [&str; 4] = ["a", "b", "c", "d"];

/// What a client may say.
#[derive(Clone, Copy, Debug)]
enum Say {
    Set(usize),
    SetLocal(usize),
    Begin,
    Commit,
    Rollback,
    Savepoint,
    RollbackTo,
    /// Fails.
    Divide,
    Select,
    /// A function sets it, and is seen to be one.
    Call(usize),
}

fn path_of(schema: usize) -> SearchPath {
    SearchPath::known([SCHEMAS[schema]])
}

impl Say {
    fn change(self) -> PathChange {
        match self {
            Say::Set(schema) | Say::SetLocal(schema) => PathChange::To(path_of(schema)),
            Say::Begin | Say::Savepoint | Say::Divide | Say::Select => PathChange::None,
            Say::Commit | Say::Rollback | Say::RollbackTo => PathChange::Back,
            Say::Call(_) => PathChange::Unknown,
        }
    }
}

/// PostgreSQL, as far as it keeps one setting.
#[derive(Default)]
struct Server {
    committed: usize,
    block: Option<Block>,
}

struct Block {
    /// What holds now, and what will when it is committed.
    values: (usize, usize),
    saved: Vec<(usize, usize)>,
    has_failed: bool,
}

impl Server {
    fn path(&self) -> usize {
        self.block.as_ref().map_or(self.committed, |it| it.values.0)
    }

    fn status(&self) -> u8 {
        match &self.block {
            None => b'I',
            Some(block) if block.has_failed => b'E',
            Some(_) => b'T',
        }
    }

    /// False if it fails.
    fn run(&mut self, said: Say) -> bool {
        let Some(block) = &mut self.block else {
            match said {
                Say::Set(schema) | Say::Call(schema) => self.committed = schema,
                Say::Begin => {
                    self.block = Some(Block {
                        values: (self.committed, self.committed),
                        saved: Vec::new(),
                        has_failed: false,
                    });
                }
                Say::SetLocal(_) | Say::Select | Say::Commit | Say::Rollback => {}
                Say::Savepoint | Say::RollbackTo | Say::Divide => return false,
            }
            return true;
        };
        let is_way_out = matches!(said, Say::Commit | Say::Rollback | Say::RollbackTo);
        if block.has_failed && !is_way_out {
            return false;
        }
        match said {
            Say::Set(schema) | Say::Call(schema) => block.values = (schema, schema),
            Say::SetLocal(schema) => block.values.0 = schema,
            Say::Begin | Say::Select => {}
            Say::Savepoint => block.saved.push(block.values),
            Say::Commit if !block.has_failed => {
                self.committed = block.values.1;
                self.block = None;
            }
            Say::Commit | Say::Rollback => self.block = None,
            Say::RollbackTo => match block.saved.last() {
                Some(values) => {
                    block.values = *values;
                    block.has_failed = false;
                }
                None => {
                    block.has_failed = true;
                    return false;
                }
            },
            Say::Divide => {
                block.has_failed = true;
                return false;
            }
        }
        true
    }
}

fn includes(path: &SearchPath, schema: usize) -> bool {
    match path {
        SearchPath::Known(schemas) => schemas.iter().any(|it| **it == *SCHEMAS[schema]),
        SearchPath::Unknown => true,
    }
}

fn say() -> impl Strategy<Value = Say> {
    let schema = 0..SCHEMAS.len();
    prop_oneof![
        3 => schema.clone().prop_map(Say::Set),
        3 => schema.clone().prop_map(Say::SetLocal),
        3 => Just(Say::Begin),
        2 => Just(Say::Commit),
        1 => Just(Say::Rollback),
        2 => Just(Say::Savepoint),
        2 => Just(Say::RollbackTo),
        1 => Just(Say::Divide),
        2 => Just(Say::Select),
        1 => schema.prop_map(Say::Call),
    ]
}

proptest! {
    /// Whatever is said, one after the other or several in one go.
    #[test]
    fn the_servers_path_is_never_missed(
        batches in prop::collection::vec(prop::collection::vec(say(), 1..4), 1..24)
    ) {
        let mut server = Server::default();
        let mut path = Path::new();
        let mut narrow = 0;
        for batch in batches {
            if server.status() == b'I' && path.now == SearchPath::Unknown {
                path.learn(path_of(server.path()));
            }
            let mut judged = Vec::new();
            for said in &batch {
                judged.push(path.now.clone());
                path.follow(&said.change());
            }
            for (index, (said, judged)) in batch.iter().zip(&judged).enumerate() {
                prop_assert!(includes(judged, server.path()), "{said:?} by {judged:?}");
                narrow += usize::from(*judged == path_of(server.path()));
                if !server.run(*said) {
                    path.go_back();
                }
                path.ready(server.status(), index + 1 == batch.len());
            }
            prop_assert!(includes(&path.now, server.path()));
        }
        prop_assert!(narrow > 0, "nothing was known");
    }
}
