# npm's hook for native addons and nothing more: the build is described in native/CMakeLists.txt.
{
  "targets": [
    {
      "target_name": "unum",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake-js",
          "inputs": ["native/CMakeLists.txt"],
          "outputs": ["build/cmake/Release/unum.node"],
          "action": ["sh", "scripts/build", "addon"],
        },
      ],
    },
  ],
}
