"""Near-duplicates and domains that must stay together."""

import numpy as np

from poolscope.bias.groups import components, difference_hash, embedding_links, find, image_links, registered_domains
from poolscope.bias.image import same_jpeg
from tests.backend.bias.conftest import noise


def test_a_re_encoded_image_is_found_and_others_are_not():
    images = noise(200, 0, size=64)
    copies = np.stack([same_jpeg(image) for image in images[:20]])
    links = image_links(np.concatenate([images, copies]))
    assert {(left, right) for left, right in links.tolist()} == {(number, 200 + number) for number in range(20)}


def test_plain_images_of_other_colours_are_not_alike():
    plain = np.zeros((3, 64, 64, 3), dtype=np.uint8)
    plain[1] = 200
    plain[2] = 3
    assert image_links(plain).tolist() == [[0, 2]]
    assert not difference_hash(plain).any()


def test_embedding_links_reach_the_least_cosine():
    vectors = np.eye(4, dtype=np.float32)
    vectors[1] = [np.cos(0.2), np.sin(0.2), 0, 0]
    vectors[3] = 0
    assert embedding_links(vectors, 0.96).tolist() == [[0, 1]]


def test_components_join_chains_but_not_half_of_everything():
    chain = np.stack([np.arange(4), np.arange(1, 5)], axis=1)
    assert components(200, [chain])[:6].tolist() == [0, 0, 0, 0, 0, 1]
    long = np.stack([np.arange(99), np.arange(1, 100)], axis=1)
    assert len(np.unique(components(100, [long]))) > 20


def test_domains_are_held_together(make):
    urls = tuple(f"https://img{n % 3}.shop-{n % 40}.co.uk/{n}.png" for n in range(200))
    sample = make(noise(200, 1), np.arange(200) % 2, urls=urls)
    groups, about = find(sample)
    assert len(np.unique(groups)) == about["groups"] == 40
    assert about["domains held together"] == 40


def test_registered_domains_and_paths():
    found = registered_domains(["http://a.b.example.co.uk/x.png", "openclipart/sun.png", "http://localhost/x", ""])
    assert found == ["example.co.uk", "", "", ""]
