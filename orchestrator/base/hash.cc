#include "orchestrator/base/hash.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <cerrno>
#include <memory>

#include "orchestrator/base/error.h"

namespace presswork::base {

namespace {

// Whatever openssl.cnf or OPENSSL_CONF would have: a digest is the same on every machine.
EVP_MD* fetch() {
  OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, nullptr);
  return EVP_MD_fetch(nullptr, "SHA256", nullptr);
}

}  // namespace

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

Sha256::Sha256() : state_(std::make_unique<State>()) {
  static EVP_MD* const algorithm = fetch();
  if (state_->context == nullptr || EVP_DigestInit_ex(state_->context, algorithm, nullptr) != 1) {
    throw Error(ErrorCode::internal, "OpenSSL offers no SHA-256");
  }
}

Sha256::~Sha256() = default;

void Sha256::update(const void* data, std::size_t size) { EVP_DigestUpdate(state_->context, data, size); }

std::string Sha256::hex() {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  EVP_DigestFinal_ex(state_->context, digest, &size);
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * size);
  for (unsigned int i = 0; i < size; ++i) {
    text += digits[digest[i] >> 4];
    text += digits[digest[i] & 15];
  }
  return text;
}

std::string sha256(std::string_view text) {
  Sha256 hash;
  hash.update(text);
  return hash.hex();
}

std::string sha256_file(const std::filesystem::path& path, const std::function<void(std::size_t)>& progress) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) throw system_error("open", path.native(), errno);
  struct Closer {
    int fd;
    ~Closer() { ::close(fd); }
  } closer{fd};
  Sha256 hash;
  // Not a vector, which would fill the whole piece with zeros for a file of a few bytes.
  constexpr std::size_t piece = 1 << 20;
  const std::unique_ptr<char[]> buffer(new char[piece]);
  for (;;) {
    const ssize_t got = ::read(fd, buffer.get(), piece);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw system_error("read", path.native(), errno);
    if (got == 0) break;
    hash.update(buffer.get(), static_cast<std::size_t>(got));
    if (progress) progress(static_cast<std::size_t>(got));
  }
  return hash.hex();
}

}  // namespace presswork::base
