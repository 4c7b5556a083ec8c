//! Who plays in the day: people, what they owe to which brand, and what becomes of them.

use std::fmt::Write as _;

/// A brand of the day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Brand {
    Azur,
    Boreal,
}

impl Brand {
    pub const BOTH: [Brand; 2] = [Brand::Azur, Brand::Boreal];

    /// Its name in paths and labels.
    pub const fn name(self) -> &'static str {
        match self {
            Brand::Azur => "azur",
            Brand::Boreal => "boreal",
        }
    }

    /// As a label of a metric.
    pub fn label(self) -> String {
        format!("brand=\"{}\"", self.name())
    }
}

/// What somebody does on this day, or what happens to them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Opens an older mail in the morning.
    Reader,
    /// Logs in to a portal in the morning.
    Visitor,
    /// Reads, follows the payment link and pays.
    Payer,
    /// Agreed on a plan by telephone before the day began.
    Planner,
    /// Calls at noon, while reading mails: the debt is wrong.
    Disputer,
    /// Has no mailbox: the relay says so.
    Refused,
    /// Has no mailbox any more: their provider says so later.
    Gone,
    /// Has none either: another system said so.
    Reported,
    /// Reads, and reports the mail as spam.
    Complainer,
    /// Their provider wants to be asked twice.
    Greylisted,
    /// Their mailbox is full all day.
    Full,
    /// Reads at noon.
    Noon,
    /// Paid a part; reads in the afternoon.
    Instalment,
    /// Comes around the moment in which their time is over.
    Late,
    /// Comes when it is over.
    Absent,
    /// Does not come at all, and has time.
    Silent,
    /// Reads in the morning, which is the night where they are.
    Asleep,
    /// Owes to both brands; reads in the morning.
    Both,
    /// Owed to both, and has paid Azur; reads in the morning.
    Relieved,
}

/// How many cases of each role the brands have; a person with two has one of each brand.
const CAST: [(Role, usize, usize); 19] = [
    (Role::Reader, 40, 30),
    (Role::Visitor, 20, 15),
    (Role::Payer, 15, 10),
    (Role::Planner, 10, 8),
    (Role::Disputer, 6, 6),
    (Role::Refused, 5, 4),
    (Role::Gone, 3, 3),
    (Role::Reported, 3, 3),
    (Role::Complainer, 2, 2),
    (Role::Greylisted, 8, 6),
    (Role::Full, 2, 1),
    (Role::Noon, 25, 20),
    (Role::Instalment, 12, 10),
    (Role::Late, 15, 10),
    (Role::Absent, 20, 15),
    (Role::Silent, 15, 10),
    (Role::Asleep, 0, 8),
    (Role::Both, 30, 30),
    (Role::Relieved, 10, 10),
];

/// Where a case stands in the evening, with the reason in its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    Open,
    Settled(&'static str),
    HandedOff(&'static str),
}

impl Role {
    /// Who has a debt at each of the brands.
    fn owes_twice(self) -> bool {
        matches!(self, Role::Both | Role::Relieved)
    }

    /// Whether they are seen in the morning.
    pub fn comes_in_the_morning(self) -> bool {
        use Role::{Absent, Disputer, Instalment, Late, Noon, Silent};
        !matches!(self, Disputer | Noon | Instalment | Late | Absent | Silent)
    }

    /// Whether their time ends in the afternoon.
    pub fn has_a_deadline(self) -> bool {
        matches!(self, Role::Full | Role::Late | Role::Absent | Role::Both)
    }

    /// What becomes of their case.
    pub fn end(self, brand: Brand) -> End {
        match self {
            Role::Payer => End::Settled("paid"),
            Role::Relieved if brand == Brand::Azur => End::Settled("paid"),
            Role::Planner => End::Settled("plan"),
            Role::Disputer => End::Settled("dispute"),
            Role::Refused | Role::Gone | Role::Reported => End::HandedOff("suppressed: hard bounce"),
            Role::Complainer => End::HandedOff("suppressed: complaint"),
            role if role.has_a_deadline() => End::HandedOff("deadline"),
            _ => End::Open,
        }
    }

    /// How many mails about their case a relay takes; none where that is a matter of chance.
    pub fn mails(self, brand: Brand) -> Option<usize> {
        use Role::{
            Absent, Asleep, Both, Disputer, Full, Late, Planner, Refused, Relieved, Reported, Silent,
        };
        match self {
            Late | Both => None,
            Disputer | Relieved => Some(usize::from(brand == Brand::Boreal)),
            Planner | Refused | Reported | Full | Absent | Silent | Asleep => Some(0),
            _ => Some(1),
        }
    }

    /// How their address begins: the mail servers go by it.
    fn prefix(self) -> &'static str {
        match self {
            Role::Refused => "refused-",
            Role::Full => "deferred-",
            Role::Gone => GONE,
            Role::Greylisted => GREYLISTED,
            _ => "",
        }
    }
}

/// How addresses begin whose servers refuse the mail that the relay took.
pub const GONE: &str = "gone-";

/// How addresses begin whose servers want to be asked twice.
pub const GREYLISTED: &str = "grey-";

/// A debt.
#[derive(Debug, Clone)]
pub struct Case {
    pub brand: Brand,
    pub name: String,
    /// What is owed now, in cents.
    pub cents: u32,
}

impl Case {
    /// The id of its letter.
    pub fn letter(&self) -> String {
        format!("{}-rappel", self.name)
    }
}

/// Somebody who owes.
#[derive(Debug, Clone)]
pub struct Person {
    pub role: Role,
    pub email: String,
    pub cases: Vec<Case>,
}

/// All of them, in an order that has nothing to do with what they do.
pub fn everybody(dice: &mut Dice) -> Vec<Person> {
    let mut people = Vec::new();
    for (role, azur, boreal) in CAST {
        let brands: Vec<Vec<Brand>> = if role.owes_twice() {
            vec![Brand::BOTH.to_vec(); azur]
        } else {
            let alone = |brand, count| std::iter::repeat_n(vec![brand], count);
            alone(Brand::Azur, azur).chain(alone(Brand::Boreal, boreal)).collect()
        };
        for brands in brands {
            people.push((role, brands));
        }
    }
    dice.shuffle(&mut people);
    people.into_iter().enumerate().map(|(n, (role, brands))| person(dice, n, role, &brands)).collect()
}

fn person(dice: &mut Dice, number: usize, role: Role, brands: &[Brand]) -> Person {
    let mut email = role.prefix().to_owned();
    let domain = ["example.test", "example.org"][number % 2];
    write!(email, "canary-{number}@{domain}").expect("text takes text");
    let case = |(place, brand): (usize, &Brand)| Case {
        brand: *brand,
        name: format!("{}-{}", ["AZ", "BO"][*brand as usize], 1000 + number * 2 + place),
        cents: 2_000 + dice.below(90_000),
    };
    Person { role, email, cases: brands.iter().enumerate().map(case).collect() }
}

/// Chance that comes out the same every day (`SplitMix64`).
pub struct Dice(pub u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(self.next() % u64::from(bound)).expect("it is below a number of 32 bits")
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(u32::try_from(last + 1).expect("a few hundred")) as usize;
            items.swap(last, other);
        }
    }
}
