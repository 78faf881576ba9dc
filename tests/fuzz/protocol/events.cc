// Any bytes as what a host says, in pieces of any size: events without a defect, or one violation after which
// nothing is heard; and a result can be made of it.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "orchestrator/executor/event_stream.h"
#include "orchestrator/executor/verdict.h"
#include "orchestrator/host/protocol.h"

namespace {

using presswork::executor::Batch;
using presswork::executor::Ending;
using presswork::executor::EventStream;

void expect(bool holds) {
  if (!holds) __builtin_trap();
}

// The first byte says how large the pieces are.
void feed(EventStream& stream, std::string_view bytes, Batch& batch) {
  const std::size_t piece = bytes.empty() ? 1 : 1 + static_cast<unsigned char>(bytes.front());
  for (std::size_t at = 1; at < bytes.size(); at += piece) stream.feed(bytes.substr(at, piece), batch);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  EventStream stream(7, "n");
  Batch batch;
  feed(stream, {reinterpret_cast<const char*>(data), size}, batch);
  for (const auto& news : batch) expect(std::get<presswork::executor::HostEvent>(news).token == 7);
  expect(stream.metrics().size() <= presswork::host::max_metrics + 1);
  const std::size_t heard = batch.size();
  const bool over = stream.done() || !stream.violation().empty();
  stream.feed("{\"nonce\":\"n\",\"event\":\"log\",\"level\":\"info\",\"text\":\"late\"}\n", batch);
  expect(!over || batch.size() == heard);
  presswork::executor::StageRequest request;
  request.stage = "a/b";
  presswork::executor::Evidence evidence;
  evidence.exit_status = 0;
  const auto outcome = judge(request, stream, evidence);
  expect(outcome.ending != Ending::succeeded || (stream.done() && stream.violation().empty()));
  return 0;
}
