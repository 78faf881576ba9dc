#include "orchestrator/base/hash.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "orchestrator/base/error.h"

namespace presswork::base {
namespace {

// FIPS 180-4 example values, as published by NIST.
TEST(Sha256, GivesThePublishedValues) {
  EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(sha256(std::string(1'000'000, 'a')),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, DoesNotDependOnThePiecesItIsGiven) {
  const std::string text(1000, 'x');
  for (const std::size_t piece : {1u, 63u, 64u, 65u, 999u}) {
    Sha256 hash;
    for (std::size_t at = 0; at < text.size(); at += piece) hash.update(text.substr(at, piece));
    EXPECT_EQ(hash.hex(), sha256(text)) << piece;
  }
}

TEST(Sha256, OfAFileIsThatOfItsContentsAndCountsThem) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("presswork-hash-" + std::to_string(::getpid()))).native();
  const std::string text(3'000'001, 'y');
  std::ofstream(path, std::ios::binary) << text;
  std::size_t heard = 0;
  EXPECT_EQ(sha256_file(path, [&](std::size_t bytes) { heard += bytes; }), sha256(text));
  EXPECT_EQ(heard, text.size());
  EXPECT_THROW(sha256_file(path, [](std::size_t) { throw std::runtime_error("stop"); }), std::runtime_error);
  std::filesystem::remove(path);
  EXPECT_THROW(sha256_file(path), Error);
}

}  // namespace
}  // namespace presswork::base
