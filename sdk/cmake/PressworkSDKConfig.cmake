# find_package(PressworkSDK): the target Presswork::sdk and the function presswork_add_plugin().
include(CMakeFindDependencyMacro)
find_dependency(nlohmann_json)
if(NOT TARGET Presswork::sdk)
  add_library(Presswork::sdk INTERFACE IMPORTED)
  get_filename_component(PressworkSDK_PREFIX ${CMAKE_CURRENT_LIST_DIR}/../../.. ABSOLUTE)
  # lib/<triplet>/cmake/PressworkSDK lies one level deeper than lib/cmake/PressworkSDK.
  if(NOT EXISTS ${PressworkSDK_PREFIX}/include/presswork/stage_abi.h)
    get_filename_component(PressworkSDK_PREFIX ${PressworkSDK_PREFIX}/.. ABSOLUTE)
  endif()
  set_target_properties(Presswork::sdk PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES ${PressworkSDK_PREFIX}/include
    INTERFACE_LINK_LIBRARIES nlohmann_json::nlohmann_json)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/PressworkPlugin.cmake)
