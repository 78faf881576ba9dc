#include "orchestrator/engine/instance_name.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "orchestrator/base/error.h"

namespace presswork::engine {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string> kIds = {"load",
                                       "tune[1]/quantize",
                                       "tune[1]/measure",
                                       "tune[1]",
                                       "tune[2]/quantize",
                                       "tune[2]/measure",
                                       "outer[1]/inner[2]/x",
                                       "outer[2]/inner[2]/x",
                                       "tune",
                                       "sweep[bits=4,path=/a/b]",
                                       "sweep[bits=8,path=/a/b]",
                                       "tune[2]/only[bits=2]"};

base::Error error_for(const std::string& spelling) {
  try {
    ADD_FAILURE() << "found " << find_instance(spelling, kIds, "r1");
  } catch (const base::Error& error) {
    return error;
  }
  return base::Error(base::ErrorCode::internal, "");
}

TEST(InstanceName, TellsTheLoopAndTheIterationThatAnInstanceIsIn) {
  EXPECT_FALSE(enclosing_loop("load"));
  EXPECT_FALSE(enclosing_loop("sweep[bits=4,path=/a/b]"));
  EXPECT_FALSE(enclosing_loop("tune[2]"));
  EXPECT_EQ(enclosing_loop("outer[1]/inner[3]/x")->loop, "outer[1]/inner");
  EXPECT_EQ(enclosing_loop("outer[1]/inner[3]/x")->iteration, 3);
  EXPECT_EQ(enclosing_loop("outer[1]/inner")->loop, "outer");
  EXPECT_EQ(enclosing_loop("tune[2]/only[path=/a[1]/b]")->iteration, 2);
}

TEST(InstanceName, TellsIterationsFromCells) {
  EXPECT_EQ(as_iteration("outer[1]/inner[12]")->loop, "outer[1]/inner");
  EXPECT_EQ(as_iteration("outer[1]/inner[12]")->iteration, 12);
  for (const char* id :
       {"tune", "sweep[bits=4]", "tune[0]", "tune[01]", "tune[]", "tune[2]/x", "tune[9999999999]"}) {
    EXPECT_FALSE(as_iteration(id)) << id;
  }
  EXPECT_EQ(iteration_id("tune", 3), "tune[3]");
  EXPECT_EQ(leaf("outer[1]/inner[2]/x[path=/a]"), "x[path=/a]");
}

TEST(InstanceName, IsFoundByItsIdByItsIterationAndByItsNameAlone) {
  EXPECT_EQ(find_instance("tune[2]/quantize", kIds, "r1"), "tune[2]/quantize");
  EXPECT_EQ(find_instance("quantize@2", kIds, "r1"), "tune[2]/quantize");
  EXPECT_EQ(find_instance("measure@1", kIds, "r1"), "tune[1]/measure");
  EXPECT_EQ(find_instance("load", kIds, "r1"), "load");
  EXPECT_EQ(find_instance("only", kIds, "r1"), "tune[2]/only[bits=2]");
  EXPECT_EQ(find_instance("tune", kIds, "r1"), "tune");
  EXPECT_EQ(find_instance("tune[1]", kIds, "r1"), "tune[1]");
}

TEST(InstanceName, ThatCouldBeSeveralListsThem) {
  EXPECT_THAT(error_for("quantize").message, HasSubstr("tune[1]/quantize, tune[2]/quantize"));
  EXPECT_THAT(error_for("x@2").message, HasSubstr("outer[1]/inner[2]/x, outer[2]/inner[2]/x"));
  EXPECT_THAT(error_for("sweep").message, HasSubstr("sweep[bits=4,path=/a/b], sweep[bits=8,path=/a/b]"));
  EXPECT_EQ(find_instance("outer[2]/inner[2]/x", kIds, "r1"), "outer[2]/inner[2]/x");
}

TEST(InstanceName, OfAMatrixStandsForAllItsCellsWhereSeveralMayBeMeant) {
  using Ids = std::vector<std::string>;
  EXPECT_EQ(find_instances("sweep", kIds, "r1"), (Ids{"sweep[bits=4,path=/a/b]", "sweep[bits=8,path=/a/b]"}));
  EXPECT_EQ(find_instances("only@2", kIds, "r1"), (Ids{"tune[2]/only[bits=2]"}));
  EXPECT_EQ(find_instances("tune", kIds, "r1"), (Ids{"tune"}));
  EXPECT_THROW(find_instances("quantize", kIds, "r1"), base::Error) << "of several iterations";
}

TEST(InstanceName, OfNumberedCellsIsNotTakenForAnIteration) {
  const std::vector<std::string> ids = {"sweep[0]", "sweep[1]", "sweep[2]"};
  EXPECT_EQ(find_instances("sweep", ids, "r1"), ids);
}

TEST(InstanceName, IsMeantByWhatItIsInToo) {
  const std::string id = "outer[2]/inner[3]/x[bits=4]";
  for (const char* spelling : {"x", "x@3", "x[bits=4]", "inner[3]/x", "inner[3]", "inner", "inner@2",
                               "outer[2]/inner", "outer[2]", "outer", "outer[2]/inner[3]/x"})
    EXPECT_TRUE(is_meant(spelling, id)) << spelling;
  for (const char* spelling :
       {"x@2", "x[bits=8]", "inner[2]", "inner@3", "outer[3]", "outer/inner/x", "ner[3]/x", ""})
    EXPECT_FALSE(is_meant(spelling, id)) << spelling;
  EXPECT_EQ(iterations_in("outer[9]/inner[12]/x[bits=4]@2"), (std::set<int>{2, 9, 12}));
  EXPECT_EQ(iterations_in("x[0]@@"), std::set<int>{});
}

TEST(InstanceName, ThatIsUnknownSuggestsWhatThereIs) {
  EXPECT_THAT(error_for("quantize@7").hint, HasSubstr("tune[1]/quantize, tune[2]/quantize"));
  EXPECT_THAT(error_for("laod").hint, HasSubstr("load"));
  EXPECT_EQ(error_for("nothing like it").code, base::ErrorCode::not_found);
}

}  // namespace
}  // namespace presswork::engine
