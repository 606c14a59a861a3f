//! Invented persons: parts of names from the lists, put together at random.

use std::collections::BTreeMap;

use super::random::Random;
use super::{Part, part_of};
use crate::tune::{BadLists, Lists, NEVER};

/// A person's name.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) first: String,
    pub(super) last: String,
    pub(super) middle: char,
    /// What is hard about it; the tag of its labels.
    pub(super) style: &'static str,
}

/// Styles, and how many of 100 persons have them.
const STYLES: &[(&str, u64)] = &[
    ("plain", 44),
    ("common_word", 12),
    ("particle", 8),
    ("oov", 13),
    ("non_english", 13),
    ("hyphen", 4),
    ("apostrophe", 4),
    ("native", 2),
];

type Names = Vec<String>;

/// Parts of names that one part of the corpus may use.
pub(super) struct People {
    /// By class of frequency.
    first: BTreeMap<u64, Names>,
    last: BTreeMap<u64, Names>,
    common_first: Names,
    common_last: Names,
    /// First and last names by language: a name is made of one language.
    latin: Vec<(Names, Names)>,
    native: Vec<(Names, Names)>,
    part: Part,
}

impl People {
    pub(super) fn of(lists: &Lists<'_>, part: Part) -> Result<Self, BadLists> {
        let mut people = Self {
            first: ranked(lists, "names/us_first.txt", part)?,
            last: ranked(lists, "names/us_last.txt", part)?,
            common_first: Names::new(),
            common_last: Names::new(),
            latin: languages(lists, "latin", part)?,
            native: languages(lists, "native", part)?,
            part,
        };
        let mut common = std::collections::BTreeSet::new();
        for section in lists.sections("words/english.txt")? {
            if section.head != ["1"] {
                common.extend(section.lines);
            }
        }
        let common_of = |names: &BTreeMap<u64, Names>, least: u64| {
            let frequent = names.range(least..).flat_map(|(_, names)| names);
            let common = frequent.filter(|n| common.contains(n.to_lowercase().as_str()));
            common.cloned().collect()
        };
        people.common_first = common_of(&people.first, 4);
        people.common_last = common_of(&people.last, 3);
        Ok(people)
    }

    /// A person of the style, or of any.
    pub(super) fn person(&self, style: Option<&str>, random: &mut Random) -> Person {
        let drawn = style.and_then(|style| STYLES.iter().find(|(name, _)| *name == style));
        let style = drawn.map_or_else(|| any_style(random), |(style, _)| style);
        let (first, last) = self.names(style, random);
        Person {
            first,
            last,
            middle: char::from(b'A' + random.below(26) as u8),
            style,
        }
    }

    fn names(&self, style: &str, random: &mut Random) -> (String, String) {
        let first = frequent(&self.first, random);
        let last = frequent(&self.last, random);
        match style {
            "common_word" => {
                let word = |names: &Names, random: &mut Random| random.pick(names).cloned();
                let both = random.chance(30);
                let common_first = random.chance(50);
                let first = word(&self.common_first, random)
                    .filter(|_| both || common_first)
                    .unwrap_or(first);
                let last = word(&self.common_last, random)
                    .filter(|_| both || !common_first)
                    .unwrap_or(last);
                (first, last)
            }
            "particle" => {
                let (first, last) = language(&self.latin, random).unwrap_or((first, last));
                let particle = random.pick(PARTICLES).copied().unwrap_or("de ");
                (first, format!("{particle}{last}"))
            }
            "oov" => {
                let coined_first = if random.chance(60) {
                    self.coin(random)
                } else {
                    first
                };
                (coined_first, self.coin(random))
            }
            "non_english" => self.of_language(random).unwrap_or((first, last)),
            "native" => language(&self.native, random).unwrap_or((first, last)),
            "hyphen" if random.chance(50) => {
                let second = frequent(&self.first, random);
                (format!("{first}-{second}"), last)
            }
            "hyphen" => {
                let second = frequent(&self.last, random);
                (first, format!("{last}-{second}"))
            }
            "apostrophe" => {
                let prefix = random.pick(&["O'", "D'", "O’", "L'", "N'"]).copied();
                (first, format!("{}{last}", prefix.unwrap_or("O'")))
            }
            _ => (first, last),
        }
    }

    /// A name of another language. Some have two first names: `Thi Hanh`, `Ji-woo`, `Mei-Ling`.
    fn of_language(&self, random: &mut Random) -> Option<(String, String)> {
        let (names, last_names) = random.pick(&self.latin)?;
        let first = random.pick(names)?.clone();
        let last = random.pick(last_names)?.clone();
        let second = random.pick(names)?;
        let first = match random.below(100) {
            0..8 => format!("{first}-{}", second.to_lowercase()),
            8..12 => format!("{first}-{second}"),
            12..18 => format!("{first} {second}"),
            _ => first,
        };
        Some((first, last))
    }

    /// A common word that persons are called, too, capitalised.
    pub(super) fn common_word(&self, random: &mut Random) -> String {
        let names = if random.chance(50) {
            &self.common_first
        } else {
            &self.common_last
        };
        random
            .pick(names)
            .cloned()
            .unwrap_or_else(|| "May".to_owned())
    }

    /// A name that no list has, of syllables that differ by part.
    pub(super) fn coin(&self, random: &mut Random) -> String {
        let (heads, middles, tails) = match self.part {
            Part::Train | Part::Tune => TRAIN_SYLLABLES,
            Part::Test => TEST_SYLLABLES,
        };
        let mut name = random.pick(heads).copied().unwrap_or_default().to_owned();
        for _ in 0..random.below(3) {
            name.push_str(random.pick(middles).copied().unwrap_or_default());
        }
        name.push_str(random.pick(tails).copied().unwrap_or_default());
        name
    }
}

type Syllables = (
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

const TRAIN_SYLLABLES: Syllables = (
    &[
        "Ab", "Bal", "Bri", "Cas", "Dar", "Dov", "El", "Fen", "Gar", "Hal", "Iv", "Jar", "Kal",
        "Ky", "Lom", "Mar", "Nar", "Od", "Pel", "Qui", "Ras", "Sav", "Sha", "Tam", "Tre", "Ul",
        "Vas", "Wil", "Xan", "Yel", "Zor", "Okon", "Ade", "Nwa", "Tshi", "Mba", "Ngu", "Zhe",
        "Ksa", "Hri",
    ],
    &[
        "an", "be", "cor", "di", "en", "fi", "gul", "ha", "il", "ka", "la", "mi", "no", "ra", "ti",
    ],
    &[
        "ane", "berg", "cek", "den", "ek", "field", "gard", "hoff", "ian", "jan", "kov", "ley",
        "man", "nik", "oglu", "poulos", "quist", "rez", "ski", "ton", "uda", "vich", "wala", "yan",
        "zade", "esha", "ika", "ilee", "onte", "yah",
    ],
);

const TEST_SYLLABLES: Syllables = (
    &[
        "Ar", "Bel", "Cho", "Deb", "Ems", "Fro", "Gri", "Hes", "Ing", "Jol", "Kres", "Lub", "Mok",
        "Nem", "Oz", "Prz", "Rho", "Sten", "Tik", "Und", "Vel", "Wex", "Yar", "Zel", "Obi", "Chuk",
        "Mtha", "Dla", "Phe", "Sri",
    ],
    &[
        "ab", "do", "er", "go", "ish", "ju", "lo", "mer", "na", "op", "ru", "sel", "tov", "u",
        "wen",
    ],
    &[
        "aitis", "bacher", "czyk", "dottir", "enko", "fors", "gan", "heim", "ides", "kainen",
        "lund", "mont", "nov", "ola", "pala", "reddy", "sson", "thorpe", "una", "vitz", "worth",
        "yama", "zinski", "elle", "isha", "marie", "quan", "ton", "vonne", "wyn",
    ],
);

const PARTICLES: &[&str] = &[
    "van ", "van der ", "van den ", "von ", "de ", "de la ", "del ", "de los ", "da ", "dos ",
    "di ", "du ", "le ", "la ", "bin ", "ibn ", "al-", "el-", "Al-", "El ", "St. ", "Mac", "Mc",
    "ter ", "von der ", "Van ", "De ", "De La ", "Della ", "abu ",
];

fn any_style(random: &mut Random) -> &'static str {
    let mut left = random.below(100);
    for (style, percent) in STYLES {
        if left < *percent {
            return style;
        }
        left -= percent;
    }
    "plain"
}

/// A name: the commoner, the likelier.
fn frequent(names: &BTreeMap<u64, Names>, random: &mut Random) -> String {
    let class = random.pick(&[7, 7, 6, 6, 6, 5, 5, 4, 4, 3, 2, 1]).copied();
    let names = class.and_then(|class| names.get(&class));
    let name = names.and_then(|names| random.pick(names));
    name.cloned().unwrap_or_else(|| "Doe".to_owned())
}

fn language(languages: &[(Names, Names)], random: &mut Random) -> Option<(String, String)> {
    let (first, last) = random.pick(languages)?;
    Some((random.pick(first)?.clone(), random.pick(last)?.clone()))
}

fn ranked(lists: &Lists<'_>, file: &str, part: Part) -> Result<BTreeMap<u64, Names>, BadLists> {
    let mut ranked = BTreeMap::new();
    let never: std::collections::BTreeSet<&str> = lists
        .sections(NEVER)?
        .iter()
        .flat_map(|section| section.lines.iter().flat_map(|line| line.split(' ')))
        .collect();
    for section in lists.sections(file)? {
        let class = section.head.first().and_then(|class| class.parse().ok());
        let names: Names = section
            .lines
            .into_iter()
            .filter(|name| part_of(name) == part && name.len() > 1 && !never.contains(name))
            .map(capitalised)
            .collect();
        ranked.insert(class.unwrap_or(1), names);
    }
    Ok(ranked)
}

fn languages(lists: &Lists<'_>, script: &str, part: Part) -> Result<Vec<(Names, Names)>, BadLists> {
    let mut languages: BTreeMap<&str, (Names, Names)> = BTreeMap::new();
    for section in lists.sections("names/world.txt")? {
        let [language, kind, written] = section.head.as_slice() else {
            continue;
        };
        if *written != script {
            continue;
        }
        let names = section.lines.iter().filter(|name| part_of(name) == part);
        let names = names.map(|name| (*name).to_owned());
        let pair = languages.entry(language).or_default();
        if *kind == "first" {
            pair.0.extend(names);
        } else {
            pair.1.extend(names);
        }
    }
    let mut pairs: Vec<_> = languages.into_values().collect();
    pairs.retain(|(first, last)| first.len() > 3 && last.len() > 3);
    Ok(pairs)
}

/// `mcdonald` as `McDonald`.
fn capitalised(name: &str) -> String {
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters
            .next()
            .map(|letter| letter.to_uppercase().to_string());
        first.unwrap_or_default() + letters.as_str()
    };
    match name.strip_prefix("mc") {
        Some(rest) if rest.len() > 2 => format!("Mc{}", capital(rest)),
        _ => capital(name),
    }
}
