import { ActionIcon, type MantineColorScheme, Menu, useMantineColorScheme } from "@mantine/core";
import { IconCheck, IconDeviceDesktop, IconMoon, IconSun } from "@tabler/icons-react";

const schemes: { scheme: MantineColorScheme; word: string; icon: typeof IconSun }[] = [
  { scheme: "auto", word: "As the computer", icon: IconDeviceDesktop },
  { scheme: "light", word: "Light", icon: IconSun },
  { scheme: "dark", word: "Dark", icon: IconMoon },
];

export function Appearance() {
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const now = schemes.find((one) => one.scheme === colorScheme) ?? { word: "As the computer", icon: IconDeviceDesktop };
  return (
    <Menu position="bottom-end" transitionProps={{ duration: 80 }}>
      <Menu.Target>
        <ActionIcon variant="default" size={30} aria-label={`Appearance: ${now.word}`} data-testid="appearance">
          <now.icon size={16} aria-hidden="true" />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {schemes.map(({ scheme, word, icon: Icon }) => (
          <Menu.Item
            key={scheme}
            leftSection={<Icon size={16} aria-hidden="true" />}
            rightSection={scheme === colorScheme ? <IconCheck size={14} aria-label="chosen" /> : null}
            onClick={() => setColorScheme(scheme)}
          >
            {word}
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}
