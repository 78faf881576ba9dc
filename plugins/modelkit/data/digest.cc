#include "plugins/modelkit/data/digest.h"

#include <openssl/evp.h>

#include <array>
#include <string_view>

#include "presswork/error.h"

namespace presswork::modelkit {
namespace {

void expect(bool good) {
  if (!good) throw Error("internal", "SHA-256 cannot be computed", "libcrypto");
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  expect(state_->context != nullptr && EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) == 1);
}

Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> bytes) {
  expect(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::text() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> hash{};
  unsigned size = 0;
  expect(EVP_DigestFinal_ex(state_->context, hash.data(), &size) == 1);
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "sha256:";
  for (unsigned i = 0; i < size; ++i) {
    text += kDigits[hash[i] >> 4];
    text += kDigits[hash[i] & 15];
  }
  return text;
}

}  // namespace presswork::modelkit
