//! Whole addresses in the many forms in which they are written (USPS Publication 28): what the gap
//! `address` of frames that engines learn from is filled with.

use super::random::Random;

/// An address of one of the forms.
pub(super) fn address(random: &mut Random) -> String {
    let place = place(random);
    match random.below(12) {
        0 => format!("{}, {place}", street(random)),
        1 => format!("{}\n{place}", street(random)),
        2 => format!("{}, {}, {place}", street(random), unit(random)),
        3 => format!("{} {}", street(random), unit(random)),
        4 => format!("{}, {}", street(random), city(random)),
        5 => format!("{}, {place}", without_suffix(random)),
        6 => format!("{} in {}", street(random), city(random)),
        7 => route(random),
        8 => format!("{}, {place}", route(random)),
        9 => format!("{}, {place}", postbox(random)),
        10 => postbox(random),
        _ => street(random),
    }
}

fn one<'l>(list: &[&'l str], random: &mut Random) -> &'l str {
    random.pick(list).copied().unwrap_or_default()
}

fn house(random: &mut Random) -> String {
    let number = random.between(2, 18_999);
    match random.below(12) {
        0 => format!("{}{}", number % 900 + 1, one(&["A", "B", "C"], random)),
        1 => format!("{}-{}", number % 90 + 10, number % 80 + 11),
        2 => format!("{} 1/2", number % 900 + 10),
        _ => number.to_string(),
    }
}

/// Names of streets.
const STREETS: &[&str] = &[
    "Juniper",
    "Old Quarry",
    "Walnut",
    "Saint Clair",
    "St. Charles",
    "O'Malley",
    "Heron Lake",
    "Mill Pond",
    "Cherry Tree",
    "Wolf Creek",
    "John F. Kennedy",
    "Martin Luther King Jr",
    "Pleasant Valley",
    "Van Buren",
    "La Salle",
    "Deer Run",
    "Grand View",
    "Spring Hill",
    "5th",
    "42nd",
    "121st",
    "Fourth",
    "Country Club",
    "Fox Hollow",
    "Rose",
    "May",
    "Orchard Park",
];

/// What streets are.
const SUFFIXES: &[&str] = &[
    "Street",
    "St",
    "St.",
    "Avenue",
    "Ave",
    "Ave.",
    "Road",
    "Rd",
    "Rd.",
    "Lane",
    "Ln",
    "Drive",
    "Dr",
    "Dr.",
    "Court",
    "Ct",
    "Circle",
    "Cir",
    "Boulevard",
    "Blvd",
    "Way",
    "Place",
    "Pl",
    "Terrace",
    "Ter",
    "Trail",
    "Trl",
    "Parkway",
    "Pkwy",
    "Loop",
    "Run",
    "Path",
    "Square",
    "Sq",
    "Alley",
    "Crossing",
    "Xing",
    "Point",
    "Ridge",
    "Hollow",
    "Row",
    "Walk",
    "Bend",
    "Cove",
    "Plaza",
    "Pike",
    "Turnpike",
    "Highway",
    "Heights",
    "Hill",
    "Landing",
];

fn street(random: &mut Random) -> String {
    let before = one(
        &["", "", "", "", "N ", "S. ", "East ", "NW ", "S.E. "],
        random,
    );
    let after = one(&["", "", "", "", "", " NE", " South", " W"], random);
    format!(
        "{} {before}{} {}{after}",
        house(random),
        one(STREETS, random),
        one(SUFFIXES, random)
    )
}

fn without_suffix(random: &mut Random) -> String {
    const NAMES: &[&str] = &[
        "Broadway",
        "Avenue of the Pines",
        "Calle Verde",
        "Camino del Sol",
        "Via Monte",
        "Avenue D",
        "Paseo de los Robles",
        "The Esplanade",
        "Old Post",
        "Rue Dauphine",
    ];
    format!("{} {}", random.between(11, 9_899), one(NAMES, random))
}

fn unit(random: &mut Random) -> String {
    const KINDS: &[&str] = &[
        "Apt ",
        "Apt. ",
        "Apartment ",
        "Unit ",
        "Suite ",
        "Ste ",
        "#",
        "Bldg ",
        "Lot ",
        "Room ",
        "Rm ",
        "Trlr ",
    ];
    match random.below(4) {
        0 => format!("{}{}", one(KINDS, random), one(&["A", "B", "C"], random)),
        1 => format!("{}{}B", one(KINDS, random), random.between(1, 40)),
        _ => format!("{}{}", one(KINDS, random), random.between(1, 900)),
    }
}

fn city(random: &mut Random) -> &'static str {
    const CITIES: &[&str] = &[
        "Fresno",
        "Toledo",
        "Baton Rouge",
        "Grand Rapids",
        "Saint Paul",
        "Fort Worth",
        "Tucson",
        "Winston-Salem",
        "Coeur d'Alene",
        "Walla Walla",
        "Oak Park",
        "Paris",
        "Normal",
        "Reading",
    ];
    one(CITIES, random)
}

fn place(random: &mut Random) -> String {
    const STATES: &[&str] = &[
        "CA", "OH", "LA", "MI", "TX", "MA", "PA", "IN", "OR", "MD", "AL",
    ];
    let code = random.between(10_001, 98_999);
    let (city, state) = (city(random), one(STATES, random));
    match random.below(5) {
        0 => format!("{city} {state} {code}"),
        1 => format!("{city}, {state} {code}-{}", random.digits(4)),
        2 => format!(
            "{city}, {} {code}",
            one(&["Ohio", "New York", "North Dakota"], random)
        ),
        _ => format!("{city}, {state} {code}"),
    }
}

fn route(random: &mut Random) -> String {
    const ROADS: &[&str] = &[
        "US Highway ",
        "State Route ",
        "County Road ",
        "Highway ",
        "Hwy ",
        "State Road ",
        "FM ",
        "Old Highway ",
        "Route ",
        "N I-",
        "US ",
        "County Rd ",
    ];
    let number = random.between(2, 1_999);
    match random.below(4) {
        0 => format!("RR {} Box {}", number % 9 + 1, number),
        1 => format!("Rural Route {}, Box {number}A", number % 9 + 1),
        2 => format!("HC {} Box {number}", number % 90 + 1),
        _ => format!(
            "{} {}{}",
            random.between(110, 9_899),
            one(ROADS, random),
            number % 900 + 2
        ),
    }
}

fn postbox(random: &mut Random) -> String {
    const KINDS: &[&str] = &[
        "PO Box ",
        "P.O. Box ",
        "P. O. Box ",
        "Post Office Box ",
        "POB ",
        "PO BOX #",
    ];
    format!("{}{}", one(KINDS, random), random.between(2, 98_999))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_an_address_is_empty() {
        let mut random = Random::new(5);
        for _ in 0..500 {
            let address = address(&mut random);
            assert!(
                address.bytes().any(|byte| byte.is_ascii_digit()),
                "{address}"
            );
            assert!(
                !address.contains("  ") && !address.ends_with(' '),
                "{address}"
            );
        }
    }
}
