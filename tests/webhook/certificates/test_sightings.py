from webhook.certificates.sightings import Sightings


def test_an_authority_is_trusted_since_it_was_first_seen() -> None:
    sightings = Sightings()
    sightings.saw_trusted(("u", "1"), ["a"], 10.0)
    sightings.saw_trusted(("u", "1"), ["a"], 30.0)
    assert sightings.trusted_for("a", 40.0) == 30.0
    assert sightings.trusted_for("b", 40.0) is None


def test_another_version_of_the_configuration_starts_it_anew() -> None:
    """It may have been emptied and written again in between."""
    sightings = Sightings()
    sightings.saw_trusted(("u", "1"), ["a"], 10.0)
    sightings.saw_trusted(("u", "3"), ["a", "b"], 30.0)
    assert sightings.trusted_for("a", 40.0) == 10.0


def test_what_left_the_bundle_and_came_back_starts_anew() -> None:
    sightings = Sightings()
    sightings.saw_trusted(("u", "1"), ["a"], 10.0)
    sightings.saw_trusted(("u", "2"), [], 20.0)
    sightings.saw_trusted(("u", "3"), ["a"], 30.0)
    assert sightings.trusted_for("a", 40.0) == 10.0


def test_a_break_in_contact_is_no_matter_for_the_bundle_but_for_what_others_could_follow() -> None:
    sightings = Sightings()
    sightings.saw_trusted(("u", "1"), ["a"], 10.0)
    sightings.saw_secret("a", {"you": "said"}, 10.0)
    sightings.lost_contact()
    assert sightings.signing_for(40.0) == 0.0
    sightings.saw_secret("a", {"you": "said"}, 30.0)
    assert sightings.trusted_for("a", 40.0) == 30.0
    assert sightings.signing_for(40.0) == 10.0
    assert sightings.silent_for("you", 40.0) == 10.0


def test_silence_ends_with_a_changed_report() -> None:
    sightings = Sightings()
    sightings.saw_secret("a", {"you": "said"}, 10.0)
    sightings.saw_secret("a", {"you": "said"}, 30.0)
    assert sightings.silent_for("you", 40.0) == 30.0
    sightings.saw_secret("b", {"you": "said more"}, 40.0)
    assert sightings.silent_for("you", 50.0) == 10.0
    assert sightings.signing_for(50.0) == 10.0
    assert sightings.silent_for("nobody", 50.0) == 0.0
